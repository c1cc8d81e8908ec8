"""Define all metrics: direction, unit and one sentence of help, for pages and reports."""

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
    "zero": "closer to 0 is better",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """The meaning of a metric. `direction` states which values are better: higher, lower, closer to zero, or none.

    `guessed` is True if the meaning is inferred from the name and the values.
    """

    name: str
    title: str
    direction: Direction
    unit: str
    kind: Kind
    help: str
    guessed: bool = False


_MODEL = [
    ("r2", "R²", "higher", "", "Share of the variance of held-out quantities that the model explains; 1 is perfect."),
    ("rmse", "RMSE", "lower", "pieces", "Root mean squared error on held-out data."),
    ("mae", "MAE", "lower", "pieces", "Mean absolute error on held-out data."),
    (
        "poisson_deviance",
        "Poisson deviance",
        "lower",
        "",
        "Poisson deviance of predicted counts on held-out data; 0 is perfect.",
    ),
    (
        "price_elasticity_coefficient",
        "Own-price elasticity",
        "none",
        "% per %",
        "Percent change of expected demand if the price of a unit rises by 1%, all else equal.",
    ),
    ("price_elasticity_low", "Elasticity, low end", "none", "% per %", "Lower end of the 95% interval."),
    ("price_elasticity_high", "Elasticity, high end", "none", "% per %", "Upper end of the 95% interval."),
    (
        "segment_elasticity",
        "Segment-wide elasticity",
        "none",
        "% per %",
        "Percent change of a segment's demand if all its prices rise by 1%, including substitution.",
    ),
    (
        "naive_elasticity",
        "Naive elasticity",
        "none",
        "% per %",
        "Pooled log-log slope, which ignores how prices were set; a warning, not an estimate of the effect.",
    ),
    (
        "first_stage_f",
        "First-stage F",
        "higher",
        "",
        "Effective F statistic of the randomized discount or instruments on the price; below 10 they are weak.",
    ),
    ("rating_rmse", "RMSE of ratings", "lower", "stars", "Root mean squared error on held-out ratings."),
    ("rating_mae", "MAE of ratings", "lower", "stars", "Mean absolute error on held-out ratings."),
    (
        "rating_rmse_raw_mean",
        "RMSE of raw means",
        "none",
        "stars",
        "RMSE of predicting each teacher's earlier mean rating; the baseline.",
    ),
    (
        "teacher_mean_rmse",
        "RMSE of teacher means",
        "lower",
        "stars",
        "RMSE on held-out means of teachers with three or more held-out ratings, weighted by their number.",
    ),
    (
        "teacher_mean_rmse_raw_mean",
        "RMSE of teacher means, raw means",
        "none",
        "stars",
        "RMSE of each teacher's earlier mean rating on held-out means; the baseline.",
    ),
    (
        "rank_correlation_later",
        "Rank correlation, held-out means",
        "higher",
        "",
        "Spearman's correlation of predicted and held-out means of teachers with three or more held-out ratings.",
    ),
    (
        "rank_correlation_later_raw_mean",
        "Rank correlation, raw means",
        "none",
        "",
        "Spearman's correlation of each teacher's earlier and held-out mean; the baseline.",
    ),
    (
        "reliability",
        "Reliability",
        "higher",
        "",
        "Share of the variance of estimated effects due to teachers and not to chance, averaged over teachers.",
    ),
    ("teacher_sd", "SD of teachers", "none", "stars", "Standard deviation of teacher effects, net of chance."),
    (
        "course_sd",
        "SD of courses",
        "none",
        "stars",
        "Standard deviation of course effects within a teacher, net of chance.",
    ),
    ("rating_sd", "SD of ratings", "none", "stars", "Standard deviation of ratings within a course or teacher."),
    (
        "rank_interval_width",
        "Width of rank intervals",
        "lower",
        "%",
        "Mean width of the 90% intervals of ranks, as a share of all ranks.",
    ),
    ("teachers", "Teachers", "none", "teachers", "Number of teachers with a rating."),
    ("ratings_per_teacher", "Ratings per teacher", "none", "ratings", "Median number of ratings per teacher."),
    ("rows_train", "Training rows", "none", "rows", "Rows used to fit the model."),
    ("rows_evaluation", "Evaluation rows", "none", "rows", "Held-out rows used for evaluation."),
    ("fit_seconds", "Training time", "lower", "s", "Wall-clock time of the fit."),
]

_PROBABILITY = [
    (
        "roc_auc",
        "ROC AUC",
        "higher",
        "",
        "Probability that a held-out row with the outcome has a higher prediction than a row without it.",
    ),
    ("roc_auc_low", "ROC AUC, low end", "none", "", "Lower end of the 95% interval, clustered by subject."),
    ("roc_auc_high", "ROC AUC, high end", "none", "", "Upper end of the 95% interval, clustered by subject."),
    ("pr_auc", "PR AUC", "higher", "", "Area under the precision-recall curve; the base rate for random predictions."),
    ("pr_auc_low", "PR AUC, low end", "none", "", "Lower end of the 95% interval, a bootstrap over subjects."),
    ("pr_auc_high", "PR AUC, high end", "none", "", "Upper end of the 95% interval, a bootstrap over subjects."),
    (
        "log_loss",
        "Log loss",
        "lower",
        "",
        "Mean of minus the log of the predicted probability of the actual outcome on held-out data.",
    ),
    ("log_loss_low", "Log loss, low end", "none", "", "Lower end of the 95% interval, clustered by subject."),
    ("log_loss_high", "Log loss, high end", "none", "", "Upper end of the 95% interval, clustered by subject."),
    ("log_loss_base", "Log loss of the base rate", "none", "", "Log loss of predicting the base rate for each row."),
    ("brier", "Brier score", "lower", "", "Mean squared error of predicted probabilities on held-out data."),
    ("brier_low", "Brier score, low end", "none", "", "Lower end of the 95% interval, clustered by subject."),
    ("brier_high", "Brier score, high end", "none", "", "Upper end of the 95% interval, clustered by subject."),
    ("brier_base", "Brier score of the base rate", "none", "", "Brier score of predicting the base rate."),
    (
        "calibration_slope",
        "Calibration slope",
        "none",
        "",
        "Slope of the outcome's log odds on the predicted ones: 1 is ideal; below 1, predictions are too extreme.",
    ),
    ("calibration_slope_low", "Calibration slope, low end", "none", "", "Lower end of the 95% interval."),
    ("calibration_slope_high", "Calibration slope, high end", "none", "", "Upper end of the 95% interval."),
    (
        "calibration_intercept",
        "Calibration intercept",
        "zero",
        "log odds",
        "Mean difference of observed and predicted log odds; above 0, predictions are too low.",
    ),
    (
        "calibration_intercept_low",
        "Calibration intercept, low end",
        "none",
        "log odds",
        "Lower end of the 95% interval.",
    ),
    (
        "calibration_intercept_high",
        "Calibration intercept, high end",
        "none",
        "log odds",
        "Upper end of the 95% interval.",
    ),
    (
        "calibration_error",
        "Calibration error",
        "lower",
        "share",
        "Expected calibration error (ECE): mean absolute difference of predicted and observed shares in ten bins.",
    ),
    (
        "calibration_error_chance",
        "Calibration error by chance",
        "none",
        "share",
        "Calibration error that correct probabilities exceed in 5% of samples of this size.",
    ),
    ("base_rate", "Base rate", "none", "share", "Share of held-out rows with the outcome."),
    ("mean_predicted", "Mean probability", "none", "share", "Mean predicted probability on held-out rows."),
    (
        "concordance",
        "Concordance",
        "higher",
        "",
        "Probability that, of two learners, the one at higher risk has the event first within the horizon (Harrell).",
    ),
    ("concordance_uno", "Concordance, Uno", "higher", "", "Concordance with weights for censoring (Uno)."),
    (
        "integrated_brier",
        "Integrated Brier score",
        "lower",
        "",
        "Mean squared error of predicted survival over the horizon, with weights for censoring.",
    ),
    (
        "integrated_brier_base",
        "Integrated Brier score, common curve",
        "none",
        "",
        "Integrated Brier score of one survival curve for all rows; the baseline.",
    ),
    ("share_shown", "Share shown", "none", "share", "Share of held-out views whose expected value exceeds the cost."),
    (
        "profit_chosen",
        "Profit of selected views",
        "higher",
        "tokens",
        "Earnings minus costs of 1,000 held-out views if only views with an expected value above the cost are shown.",
    ),
    (
        "profit_all",
        "Profit of all views",
        "none",
        "tokens",
        "Earnings minus costs of 1,000 held-out views if all are shown.",
    ),
]

_EVALUATED, _TYPICAL, _SHARE = "tokens / evaluation period", "tokens / typical period", "share of views"
"""Bases of business metrics: the held-out periods, or a typical future period as in what-ifs."""
_CLAIM = "Predicted by the run for its own plan, so it is not ranked; empty if the run recommends no price."

_BUSINESS = [
    ("token_revenue", "Token revenue", "none", _EVALUATED, "Observed mean of tokens spent on courses."),
    ("enrollment_rate", "Enrollment rate", "none", _SHARE, "Observed enrollments per view."),
    ("teacher_earnings", "Teacher earnings", "none", _EVALUATED, "Observed mean of tokens earned by teachers."),
    (
        "platform_commission",
        "Platform commission",
        "none",
        _EVALUATED,
        "Observed mean of tokens retained as commission.",
    ),
]

_DECISION = [
    (
        "revenue_impact",
        "Expected uplift",
        "none",
        _TYPICAL,
        f"Token revenue at the recommended prices minus token revenue at today's prices. {_CLAIM}",
    ),
    ("revenue_impact_low", "Expected uplift, low end", "none", _TYPICAL, "Lower end of the 95% interval."),
    ("revenue_impact_high", "Expected uplift, high end", "none", _TYPICAL, "Upper end of the 95% interval."),
    (
        "decision_value_tokens",
        "Decision value",
        "higher",
        "tokens / period",
        "Gain over today from acting on the run, evaluated against the ground truth or held-out outcomes, never by the "
        "run itself; mean over all weeks (prices) or the evaluation weeks (which views to show).",
    ),
]

_TRUTH = [
    (
        "elasticity_truth",
        "True elasticity",
        "none",
        "% per %",
        "Own-price elasticity in the ground truth of the generated market.",
    ),
    (
        "segment_elasticity_truth",
        "True segment-wide elasticity",
        "none",
        "% per %",
        "Segment-wide elasticity in the ground truth of the generated market.",
    ),
    ("elasticity_bias", "Elasticity bias", "zero", "% per %", "Estimated minus true own-price elasticity."),
    (
        "elasticity_covered",
        "Interval covers truth",
        "higher",
        "0 or 1",
        "1 if the 95% interval contains the true elasticity.",
    ),
    (
        "effect_rmse_truth",
        "RMSE of effects",
        "lower",
        "stars",
        "RMSE of effects against true qualities, scaled to stars by the regression of ratings on quality.",
    ),
    (
        "effect_rmse_truth_raw_mean",
        "RMSE of effects, raw means",
        "none",
        "stars",
        "RMSE of raw means against true qualities on the same scale; the baseline.",
    ),
    (
        "effect_covered",
        "Coverage of effects",
        "none",
        "share",
        "Share of 95% intervals of effects that contain the truth.",
    ),
    (
        "rank_correlation_truth",
        "Rank correlation, truth",
        "higher",
        "",
        "Spearman's correlation of effects and true qualities.",
    ),
    (
        "rank_correlation_truth_raw_mean",
        "Rank correlation, truth and raw means",
        "none",
        "",
        "Spearman's correlation of raw means and true qualities; the baseline.",
    ),
    (
        "rank_covered",
        "Coverage of ranks",
        "none",
        "share",
        "Share of 90% intervals of ranks that contain the true rank.",
    ),
    (
        "decision_value_stars",
        "Decision value",
        "higher",
        "stars",
        "Mean true quality of the run's top 10% of teachers minus that of the top 10% by raw means.",
    ),
    (
        "probability_error",
        "Error of probabilities",
        "lower",
        "share",
        "Mean absolute error of predicted probabilities against the truth, on held-out rows of a generated market.",
    ),
    (
        "probability_correlation",
        "Correlation of probabilities",
        "higher",
        "",
        "Correlation of predicted and true probabilities on held-out rows of a generated market.",
    ),
    (
        "calibration_error_truth",
        "Calibration error, truth",
        "lower",
        "share",
        "Mean absolute difference of predicted and true probabilities in ten equal bins; free of outcome noise.",
    ),
    (
        "decision_value_reach",
        "Losses captured",
        "higher",
        "share",
        "True losses captured by contacting the 20% at highest predicted risk: 0 is random, 1 is perfect knowledge.",
    ),
    (
        "pricing_regret_pct",
        "Pricing regret",
        "lower",
        "%",
        "Revenue at the optimal prices minus revenue at the recommended prices, as a share of the former.",
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
            f"{title} on the evaluation rows, predicted by the model; compare with the observed value.",
        ),
        Metric(
            f"{name}_plan",
            f"{title}, planned",
            "none",
            unit if unit == _SHARE else _TYPICAL,
            "business",
            f"{title} at the recommended prices in a typical future period; not comparable with the observed value of "
            f"the evaluation. {_CLAIM}",
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
    "_sd": ("SD over seeds", "Standard deviation over trainings that differ only in their seed."),
    "_seeds_low": ("mean over seeds, low end", "Lower end of the 95% interval of the mean over seeds."),
    "_seeds_high": ("mean over seeds, high end", "Upper end of the 95% interval of the mean over seeds."),
}
"""Metrics over repeated seeds, by the suffix of their name."""


def metric(name: str) -> Metric:
    """Return the meaning of a metric; an unknown metric has no direction."""
    for end, (title, help_) in REPEATED.items():
        base = METRICS.get(name.removesuffix(end)) if name.endswith(end) and name not in METRICS else None
        if base is not None:
            return Metric(name, f"{base.title}, {title}", "none", base.unit, base.kind, help_)
    unknown = Metric(name, name, "none", "", "model", "Logged by another tool; its direction and unit are unknown.")
    return METRICS.get(name, unknown)


def interval_of(name: str, logged: Container[str]) -> tuple[str, str] | None:
    """Return the names of the ends of a known metric's 95% interval if both are logged, else None."""
    stems = (name.removesuffix("_coefficient"), f"{name}_seeds")
    pairs = [(f"{stem}_low", f"{stem}_high") for stem in stems]
    return next((pair for pair in pairs if all(end in logged and metric(end).title != end for end in pair)), None)


_LOWER_NAMES = """mape smape wape mase mae rmse mse rmsle loss logloss error err deviance brier aic bic perplexity
    wer cer regret latency seconds duration time fpr fnr"""
_HIGHER_NAMES = "r2 auc auroc auprc ndcg bleu rouge correlation concordance kappa mcc likelihood"
_SHARE_NAMES = "accuracy acc precision recall f1 fbeta iou dice specificity sensitivity tpr tnr"
_LOWER, _HIGHER, _SHARES = (frozenset(names.split()) for names in (_LOWER_NAMES, _HIGHER_NAMES, _SHARE_NAMES))
_TIMES = frozenset(("seconds", "duration", "time", "latency"))


def guess(name: str, values: Iterable[float] = ()) -> Metric:
    """Guess the meaning of a metric of another tool from the last known word of its name, and from its values.

    A metric named like a share with a value above 100 is taken for a count and not ranked.
    """
    vocabulary = {*_LOWER, *_HIGHER, *_SHARES, "bias"}
    word = next((word for word in reversed(re.split(r"[^a-z0-9]+", name.lower())) if word in vocabulary), None)
    if word is None:
        return metric(name)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if word in _SHARES and largest > 100:
        why = f"Named like a share, but has values such as {largest:,.6g}; taken for a count and not ranked."
        return Metric(name, name, "none", "count", "model", why, guessed=True)
    direction: Direction = "zero" if word == "bias" else "lower" if word in _LOWER else "higher"
    unit = "%" if word in _SHARES and largest > 1 else "share" if word in _SHARES else "s" if word in _TIMES else ""
    return Metric(name, name, direction, unit, "model", f"Guessed from {word!r} in its name.", guessed=True)
