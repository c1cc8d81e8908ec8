"""The one dictionary of metrics: direction, unit and one sentence of help, for every page and report."""

import math
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "zero", "none"]
Kind = Literal["model", "business", "truth"]


BETTER: dict[Direction, str] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "zero": "nearer 0 is better",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric means. `direction` says what is better: higher, lower, nearer to zero, or nothing of the sort.

    `guessed` is True where only its name, and the values it has, say so.
    """

    name: str
    title: str
    direction: Direction
    unit: str
    kind: Kind
    help: str
    guessed: bool = False


_MODEL = [
    ("r2", "R²", "higher", "", "Share of the variance of later quantities that the model explains; 1 is perfect."),
    ("rmse", "RMSE", "lower", "pieces", "Typical size of an error on later data, large errors counting more."),
    ("mae", "MAE", "lower", "pieces", "Mean absolute error on later data."),
    ("poisson_deviance", "Poisson deviance", "lower", "", "Misfit of predicted counts on later data; 0 is perfect."),
    (
        "price_elasticity_coefficient",
        "Own-price elasticity",
        "none",
        "% per %",
        "Percent change of expected demand when one unit's price rises by one percent, all else fixed.",
    ),
    ("price_elasticity_low", "Elasticity, low end", "none", "% per %", "Lower end of the 95 % interval."),
    ("price_elasticity_high", "Elasticity, high end", "none", "% per %", "Upper end of the 95 % interval."),
    (
        "segment_elasticity",
        "Segment-wide elasticity",
        "none",
        "% per %",
        "Percent change of a segment's demand when all its prices rise by one percent, substitution counted.",
    ),
    (
        "naive_elasticity",
        "Naive elasticity",
        "none",
        "% per %",
        "Pooled log-log slope: a warning of what ignoring how prices were set would say, not an answer.",
    ),
    (
        "first_stage_f",
        "First-stage F",
        "higher",
        "",
        "Effective F of the randomized discount or instruments on the price; below 10 they are too weak.",
    ),
    ("rating_rmse", "RMSE of ratings", "lower", "stars", "Typical size of an error on single later ratings."),
    ("rating_mae", "MAE of ratings", "lower", "stars", "Mean absolute error on single later ratings."),
    (
        "rating_rmse_raw_mean",
        "RMSE of raw means",
        "none",
        "stars",
        "The same error of the mean rating of each teacher so far: what there is to beat.",
    ),
    (
        "teacher_mean_rmse",
        "RMSE of teachers' means",
        "lower",
        "stars",
        "Error on the later mean of teachers with three or more later ratings, weighted by them.",
    ),
    (
        "teacher_mean_rmse_raw_mean",
        "The same of raw means",
        "none",
        "stars",
        "The error on later means of each teacher's mean so far: what there is to beat.",
    ),
    (
        "rank_correlation_later",
        "Rank correlation with later means",
        "higher",
        "",
        "Spearman's correlation of foreseen and later means of teachers with three or more later ratings.",
    ),
    (
        "rank_correlation_later_raw_mean",
        "The same of raw means",
        "none",
        "",
        "Spearman's correlation of each teacher's mean so far with the later one: what there is to beat.",
    ),
    (
        "reliability",
        "Reliability",
        "higher",
        "",
        "Share of the variance of estimated effects that is between teachers, not chance; mean over teachers.",
    ),
    ("teacher_sd", "Spread of teachers", "none", "stars", "Standard deviation of teachers beyond chance."),
    ("course_sd", "Spread of courses", "none", "stars", "Standard deviation of a teacher's courses beyond chance."),
    ("rating_sd", "Spread of ratings", "none", "stars", "Standard deviation of single ratings of a course or teacher."),
    (
        "rank_interval_width",
        "Width of rank intervals",
        "lower",
        "%",
        "Mean width of the 90 % intervals of ranks, as a share of all ranks.",
    ),
    ("teachers", "Teachers", "none", "teachers", "Teachers with a rating."),
    ("ratings_per_teacher", "Ratings of a teacher", "none", "ratings", "Median number of ratings of a teacher."),
    ("rows_train", "Training rows", "none", "rows", "Rows the model was fitted on."),
    ("rows_evaluation", "Evaluation rows", "none", "rows", "Later rows the errors were measured on."),
    ("fit_seconds", "Training time", "lower", "s", "Wall time of the fit."),
]

_PROBABILITY = [
    (
        "roc_auc",
        "ROC AUC",
        "higher",
        "",
        "Chance that of two later rows, one with the outcome and one without, the first has the higher probability.",
    ),
    ("roc_auc_low", "ROC AUC, low end", "none", "", "Lower end of its 95 % interval, clustered by subject."),
    ("roc_auc_high", "ROC AUC, high end", "none", "", "Upper end of its 95 % interval, clustered by subject."),
    ("pr_auc", "PR AUC", "higher", "", "Mean precision over all shares found; by chance it is the base rate."),
    ("pr_auc_low", "PR AUC, low end", "none", "", "Lower end of its 95 % interval, a bootstrap of subjects."),
    ("pr_auc_high", "PR AUC, high end", "none", "", "Upper end of its 95 % interval, a bootstrap of subjects."),
    ("log_loss", "Log loss", "lower", "", "Mean of -log of the probability given to what came on later data."),
    ("log_loss_low", "Log loss, low end", "none", "", "Lower end of its 95 % interval, clustered by subject."),
    ("log_loss_high", "Log loss, high end", "none", "", "Upper end of its 95 % interval, clustered by subject."),
    ("log_loss_base", "Log loss of the base rate", "none", "", "That of giving every later row their base rate."),
    ("brier", "Brier score", "lower", "", "Mean squared distance of probabilities from what came on later data."),
    ("brier_low", "Brier score, low end", "none", "", "Lower end of its 95 % interval, clustered by subject."),
    ("brier_high", "Brier score, high end", "none", "", "Upper end of its 95 % interval, clustered by subject."),
    ("brier_base", "Brier score of the base rate", "none", "", "That of giving every later row their base rate."),
    (
        "calibration_slope",
        "Calibration slope",
        "none",
        "",
        "Slope of the outcome's log odds on the predicted ones: 1 is right, below 1 the probabilities are too extreme.",
    ),
    ("calibration_slope_low", "Calibration slope, low end", "none", "", "Lower end of its 95 % interval."),
    ("calibration_slope_high", "Calibration slope, high end", "none", "", "Upper end of its 95 % interval."),
    (
        "calibration_intercept",
        "Calibration intercept",
        "zero",
        "log odds",
        "By how much later log odds lie above the predicted ones overall; above 0 the model says too little.",
    ),
    (
        "calibration_intercept_low",
        "Calibration intercept, low end",
        "none",
        "log odds",
        "Lower end of its 95 % interval.",
    ),
    (
        "calibration_intercept_high",
        "Calibration intercept, high end",
        "none",
        "log odds",
        "Upper end of its 95 % interval.",
    ),
    (
        "calibration_error",
        "Calibration error",
        "lower",
        "share",
        "Mean distance of predicted from observed shares over ten equally full bins of later rows (ECE).",
    ),
    (
        "calibration_error_chance",
        "Calibration error by chance",
        "none",
        "share",
        "What right probabilities would exceed in 5 % of samples of this size.",
    ),
    ("base_rate", "Base rate", "none", "share", "Share of later rows that have the outcome."),
    ("mean_predicted", "Mean probability", "none", "share", "Mean predicted probability of later rows."),
    (
        "concordance",
        "Concordance",
        "higher",
        "",
        "Of two learners, how often the one of higher risk had the event first, within the horizon (Harrell).",
    ),
    ("concordance_uno", "Concordance, Uno", "higher", "", "The same, weighted for those not watched to the end."),
    (
        "integrated_brier",
        "Integrated Brier score",
        "lower",
        "",
        "Mean over the horizon of the squared distance of predicted survival from what came, censoring counted.",
    ),
    (
        "integrated_brier_base",
        "Integrated Brier score of one curve for all",
        "none",
        "",
        "That of giving every later row their common survival curve.",
    ),
    ("share_shown", "Share shown", "none", "share", "Share of later views whose expected value is above the cost."),
    (
        "profit_chosen",
        "Profit of the chosen",
        "higher",
        "tokens",
        "Earnings of 1,000 later views if only those are shown whose expected value is above the cost, less that cost.",
    ),
    (
        "profit_all",
        "Profit of showing all",
        "none",
        "tokens",
        "What 1,000 later views earn where all are shown, less the cost of showing them.",
    ),
]

_EVALUATED, _TYPICAL, _SHARE = "tokens / evaluation period", "tokens / typical period", "share of views"
"""What business metrics are about: the periods held back, or a period to come as what-ifs play it."""
_CLAIM = "The run's own claim about its own plan, so it is not ranked; empty where it recommends no price."

_BUSINESS = [
    ("token_revenue", "Token revenue", "none", _EVALUATED, "Observed tokens spent on courses, mean."),
    ("enrollment_rate", "Enrollment rate", "none", _SHARE, "Observed enrolments per view of evaluation."),
    ("teacher_earnings", "Teacher earnings", "none", _EVALUATED, "Observed tokens paid to teachers, mean."),
    ("platform_commission", "Platform commission", "none", _EVALUATED, "Observed tokens kept as commission, mean."),
]

_DECISION = [
    (
        "revenue_impact",
        "Revenue impact of the plan",
        "none",
        _TYPICAL,
        f"Token revenue under this run's recommended prices minus today's, as the run itself predicts it. {_CLAIM}",
    ),
    ("revenue_impact_low", "Revenue impact, low end", "none", _TYPICAL, "Lower end of its 95 % interval."),
    ("revenue_impact_high", "Revenue impact, high end", "none", _TYPICAL, "Upper end of its 95 % interval."),
    (
        "decision_value_tokens",
        "Decision value",
        "higher",
        "tokens / period",
        "What acting on the run earns against today, judged by the known truth or by what came of later rows; never by "
        "the run. Of prices: mean of all weeks of the market; of choosing what is shown: mean of the evaluation weeks.",
    ),
]

_TRUTH = [
    ("elasticity_truth", "True elasticity", "none", "% per %", "The own-price elasticity the world was made with."),
    (
        "segment_elasticity_truth",
        "True segment-wide elasticity",
        "none",
        "% per %",
        "The segment-wide elasticity the world was made with.",
    ),
    ("elasticity_bias", "Elasticity bias", "zero", "% per %", "Estimated minus true own-price elasticity."),
    (
        "elasticity_covered",
        "Interval covers the truth",
        "higher",
        "0 or 1",
        "1 where the 95 % interval holds the true elasticity.",
    ),
    (
        "effect_rmse_truth",
        "Error of effects",
        "lower",
        "stars",
        "Typical distance of effects from true qualities, put on the scale of stars by the line of ratings on quality.",
    ),
    (
        "effect_rmse_truth_raw_mean",
        "The same of raw means",
        "none",
        "stars",
        "Distance of raw means from true qualities on the same scale: what there is to beat.",
    ),
    ("effect_covered", "Effects covered", "none", "share", "Share of 95 % intervals of effects that hold the truth."),
    (
        "rank_correlation_truth",
        "Rank correlation with the truth",
        "higher",
        "",
        "Spearman's correlation of effects with true qualities.",
    ),
    (
        "rank_correlation_truth_raw_mean",
        "The same of raw means",
        "none",
        "",
        "Spearman's correlation of raw means with true qualities: what there is to beat.",
    ),
    ("rank_covered", "Ranks covered", "none", "share", "Share of 90 % intervals of ranks that hold the true rank."),
    (
        "decision_value_stars",
        "Decision value",
        "higher",
        "stars",
        "True quality of the tenth of teachers the run puts first, less that of the tenth raw means put first.",
    ),
    (
        "probability_error",
        "Error of probabilities",
        "lower",
        "share",
        "Mean distance of predicted from true probabilities on later rows of a generated market.",
    ),
    (
        "probability_correlation",
        "Correlation of probabilities",
        "higher",
        "",
        "Correlation of predicted with true probabilities on later rows of a generated market.",
    ),
    (
        "calibration_error_truth",
        "Calibration error against the truth",
        "lower",
        "share",
        "Mean distance of predicted from true probabilities in ten equally full bins: no chance of outcomes is in it.",
    ),
    (
        "decision_value_reach",
        "Losses reached",
        "higher",
        "share",
        "True losses reached by calling the fifth at highest predicted risk: 0 is random choice, 1 knowing the truth.",
    ),
    (
        "pricing_regret_pct",
        "Pricing regret",
        "lower",
        "%",
        "Revenue of the best possible prices minus that of the recommended ones, as a share of the best.",
    ),
]


def _predicted_and_planned(name: str, title: str, unit: str) -> list[Metric]:
    return [
        Metric(
            f"{name}_predicted",
            f"{title}, predicted",
            "none",
            unit,
            "business",
            f"{title} on the evaluation rows as the model predicts it; compare with the observed value.",
        ),
        Metric(
            f"{name}_plan",
            f"{title}, planned",
            "none",
            unit if unit == _SHARE else _TYPICAL,
            "business",
            f"{title} under the run's recommended prices, as the run itself predicts it for a period to come; not "
            f"to be set against what evaluation observed. {_CLAIM}",
        ),
    ]


def _build() -> dict[str, Metric]:
    rows = [Metric(n, t, d, u, "model", h) for n, t, d, u, h in [*_MODEL, *_PROBABILITY]]  # type: ignore[arg-type]
    rows += [Metric(n, t, d, u, "business", h) for n, t, d, u, h in [*_BUSINESS, *_DECISION]]  # type: ignore[arg-type]
    for name, title, _, unit, _ in _BUSINESS:
        rows += _predicted_and_planned(name, title, unit)
    rows += [Metric(n, t, d, u, "truth", h) for n, t, d, u, h in _TRUTH]  # type: ignore[arg-type]
    return {metric.name: metric for metric in rows}


METRICS: dict[str, Metric] = _build()


REPEATED = {
    "_sd": ("SD over seeds", "Standard deviation over trainings that differ in their seed alone."),
    "_seeds_low": ("mean over seeds, low end", "Lower end of the 95 % interval of the mean over seeds."),
    "_seeds_high": ("mean over seeds, high end", "Upper end of the 95 % interval of the mean over seeds."),
}
"""What repeats add to a metric, by the end of its name."""


def metric(name: str) -> Metric:
    """Return what is known of a metric; one that nobody described has no direction and says so."""
    for end, (title, help_) in REPEATED.items():
        base = METRICS.get(name.removesuffix(end)) if name.endswith(end) and name not in METRICS else None
        if base is not None:
            return Metric(name, f"{base.title}, {title}", "none", base.unit, base.kind, help_)
    unknown = Metric(name, name, "none", "", "model", "Logged by someone else; its direction and unit are not known.")
    return METRICS.get(name, unknown)


def interval_of(name: str, logged: Container[str]) -> tuple[str, str] | None:
    """Return the names of the ends of a metric's 95 % interval where both are logged; only of metrics known here."""
    stems = (name.removesuffix("_coefficient"), f"{name}_seeds")
    pairs = [(f"{stem}_low", f"{stem}_high") for stem in stems]
    return next((pair for pair in pairs if all(end in logged and metric(end).title != end for end in pair)), None)


_LOWER_WORDS = """mape smape wape mase mae rmse mse rmsle loss logloss error err deviance brier aic bic perplexity
    wer cer regret latency seconds duration time fpr fnr"""
_HIGHER_WORDS = "r2 auc auroc auprc ndcg bleu rouge correlation concordance kappa mcc likelihood"
_SHARE_WORDS = "accuracy acc precision recall f1 fbeta iou dice specificity sensitivity tpr tnr"
_LOWER, _HIGHER, _SHARES = (frozenset(one.split()) for one in (_LOWER_WORDS, _HIGHER_WORDS, _SHARE_WORDS))
_TIMES = frozenset(("seconds", "duration", "time", "latency"))


def guess(name: str, values: Iterable[float] = ()) -> Metric:
    """Return what a foreign metric seems to mean by the last word of its name that is known, and by its values.

    What is named like a share but has a value above 100 is taken for a count, and is not ranked.
    """
    known = {*_LOWER, *_HIGHER, *_SHARES, "bias"}
    word = next((word for word in reversed(re.split(r"[^a-z0-9]+", name.lower())) if word in known), None)
    if word is None:
        return metric(name)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if word in _SHARES and largest > 100:
        why = f"Named like a share, but it holds values such as {largest:,.6g}: taken for a count, so it is not ranked."
        return Metric(name, name, "none", "count", "model", why, guessed=True)
    direction: Direction = "zero" if word == "bias" else "lower" if word in _LOWER else "higher"
    unit = "%" if word in _SHARES and largest > 1 else "share" if word in _SHARES else "s" if word in _TIMES else ""
    return Metric(name, name, direction, unit, "model", f"A guess, from {word!r} in its name.", guessed=True)
