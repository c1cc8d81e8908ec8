"""`fixed_effects` against the truth of a simulator, an established package, and a bootstrap."""

import numpy as np
import pandas as pd
import pyfixest
import pytest

from edtech.errors import ConvergenceError, NotIdentifiedError, ParamsError
from edtech.ml.elasticity.algorithms import ALGORITHMS, FixedEffectsParams
from edtech.ml.elasticity.fitting.inference import residualize, two_step_inference
from edtech.tables.table_kinds import build_panel
from tests.worlds import make_world

SIZE = {"units": 120, "weeks": 40}


def fitted(world, roles=None, **params):
    modeler = world.modeler(**(roles or {}))
    return modeler.compare_models(world.panel, ["fixed_effects"], params={"fixed_effects": params})["fixed_effects"]


def standard_error(low, high):
    """Of an interval of 95% that is symmetric; 1.98 is Student's t with 119 degrees of freedom."""
    return (high - low) / (2 * 1.98)


@pytest.mark.parametrize("flags", ["all", "promoted", "half"])
@pytest.mark.parametrize("scale", ["unit", "segment"])
def test_the_true_elasticity_is_inside_the_interval_however_rows_are_flagged(flags, scale):
    # Seeds are fixed, so this is one draw of an interval that covers in 19 of 20: its width is what is held small.
    world = make_world(seed=3, flags=flags, scale=scale, **SIZE)
    elasticity = fitted(world).elasticity
    assert elasticity.low < world.elasticity < elasticity.high
    assert elasticity.high - elasticity.low < 0.4 * abs(world.elasticity)


def test_each_segments_elasticity_is_recovered(world, results):
    table = results["fixed_effects"].elasticity_by_segment.set_index("segment")
    truth = world.by_segment
    assert list(table.index) == list(truth.index)
    # Three standard errors each: all five hold in 98 of 100 markets.
    off = (table["estimate"] - truth).abs() / standard_error(table["low"], table["high"])
    assert (off < 3).all(), off
    assert (table["low"] < table["estimate"]).all()
    assert (table["estimate"] < table["high"]).all()


def test_ten_markets_are_covered_and_unbiased_while_the_naive_slope_has_the_wrong_sign():
    rows = []
    for seed in range(10, 20):
        world = make_world(seed=seed, **SIZE)
        result = fitted(world)
        elasticity, truth = result.elasticity, world.elasticity
        error = (elasticity.estimate - truth) / standard_error(elasticity.low, elasticity.high)
        rows.append((error, elasticity.low < truth < elasticity.high, result.naive.estimate))
        assert result.identification == "randomized"
    errors, covered, naive = np.array(rows).T
    # Of ten intervals that cover in 19 of 20, fewer than eight do in one of a hundred sets; the mean of ten standard
    # errors has itself one of 0.32, and the known bias of 3% of the truth is about half a standard error.
    assert covered.sum() >= 8
    assert abs(errors.mean()) < 3 * 0.32 + 0.5
    assert (naive > 0).all()


def test_without_the_lot_prices_that_follow_demand_hide_most_of_the_effect(world, results):
    blind = fitted(world, control_function=False).elasticity
    assert blind.low > world.elasticity
    assert blind.estimate > results["fixed_effects"].elasticity.estimate + 0.3


def test_a_schedule_that_ignores_demand_needs_no_lot():
    world = make_world(seed=3, prices="schedule", **SIZE)
    result = fitted(world, {"prices_set": "schedule"})
    assert result.identification == "within_unit"
    assert result.elasticity.low < world.elasticity < result.elasticity.high


@pytest.mark.parametrize("form", ["logit", "exponential", "log"])
@pytest.mark.parametrize("tiers", ["one", "three"])
@pytest.mark.parametrize("segment_slopes", [True, False])
def test_every_form_finds_a_falling_demand_and_one_finite_number_per_row(world, form, tiers, segment_slopes):
    result = fitted(world, form=form, tiers=tiers, segment_slopes=segment_slopes)
    # The forms differ in what they hold constant and not in the answer: all stay within a fifth of the truth.
    assert result.elasticity.estimate == pytest.approx(world.elasticity, rel=0.2)
    assert result.model.slopes_.size == (5 if segment_slopes else 1) * (3 if tiers == "three" else 1)
    expected = result.model.predict(world.panel)
    assert np.isfinite(expected).all()
    assert (expected > 0).all()
    assert expected.sum() == pytest.approx(world.panel["enrollments"].sum(), rel=0.02)


# pyfixest itself still asks pandas for changes in place
@pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")
def test_slopes_and_clustered_errors_are_those_of_pyfixest(world):
    panel = build_panel(world.panel, world.modeler().roles)
    panel = panel[panel["views"] > 0]
    result = fitted(world, {"randomized_discount": None, "randomized_flag": None}, form="exponential", tiers="one")
    own_mean = panel.groupby("course_id")["token_price"].transform("mean")
    names = sorted(panel["category"].unique())
    terms = {f"x{i}": (panel["category"] == name) * panel["token_price"] / own_mean for i, name in enumerate(names)}
    reference = pyfixest.fepois(
        f"enrollments ~ {' + '.join(terms)} | course_id + week",
        panel.assign(**terms, log_views=np.log(panel["views"])),
        offset="log_views",
        vcov={"CRV1": "course_id"},
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        iwls_tol=1e-12,
    )
    assert result.model.slopes_ == pytest.approx(reference.coef().to_numpy(), abs=1e-5)
    # pyfixest's errors take every unit as counting alike; ours leave each out in turn, and are the larger
    ratio = np.sqrt(np.diag(result.model.slope_covariance_)) / reference.se().to_numpy()
    assert (ratio > 1).all()
    assert (ratio < 1.2).all()


def test_errors_are_those_of_leaving_each_cluster_out():
    rng = np.random.default_rng(0)
    design, cluster = rng.normal(size=(400, 2)), rng.choice(12, 400, p=np.r_[0.4, np.full(11, 0.6 / 11)])
    outcome = design @ [1.0, -2.0] + rng.normal(size=12)[cluster] + rng.normal(size=400)
    slopes = np.linalg.lstsq(design, outcome, rcond=None)[0]
    without = [
        np.linalg.lstsq(design[cluster != left_out], outcome[cluster != left_out], rcond=None)[0]
        for left_out in range(12)
    ]
    changes = np.array(without) - slopes
    inference = two_step_inference(design, np.ones(400), outcome - design @ slopes, cluster, None, None)
    assert inference.covariance == pytest.approx(changes.T @ changes * 11 / 12)
    # one cluster holds two fifths of the rows: it counts as some six clusters and not as twelve
    assert ((inference.degrees_of_freedom > 3) & (inference.degrees_of_freedom < 7)).all()


def test_the_stacked_covariance_agrees_with_a_bootstrap_of_both_steps():
    world = make_world(seed=2, units=60, weeks=30)
    roles = world.modeler().roles
    panel = build_panel(world.panel, roles)
    by_unit = [rows for _, rows in panel.groupby("course_id")]
    rng = np.random.default_rng(0)
    params = FixedEffectsParams(form="logit", tiers="one", segment_slopes=False)

    def fit(rows):
        model = ALGORITHMS["fixed_effects"].new_estimator(params, columns=roles.model_dump())
        return model.fit(rows.drop(columns="enrollments"), rows["enrollments"])

    def resampled():
        units = rng.integers(0, len(by_unit), len(by_unit))
        return pd.concat([by_unit[unit].assign(course_id=f"{i}") for i, unit in enumerate(units)], ignore_index=True)

    slopes = [fit(resampled()).slopes_[0] for _ in range(80)]
    stated = float(np.sqrt(fit(panel).slope_covariance_[0, 0]))
    # A standard deviation of 80 draws is itself known to 8%.
    assert 0.7 < stated / np.std(slopes, ddof=1) < 1.4


def test_scaling_all_prices_by_a_currency_factor_changes_no_elasticity(world, results):
    panel = world.panel.assign(token_price=world.panel["token_price"] * 7.3)
    scaled = world.modeler().compare_models(panel, ["fixed_effects"])["fixed_effects"]
    elasticity = results["fixed_effects"].elasticity
    assert scaled.elasticity.estimate == pytest.approx(elasticity.estimate, rel=1e-6)
    assert scaled.elasticity.low == pytest.approx(elasticity.low, rel=1e-6)
    assert scaled.naive.estimate == pytest.approx(results["fixed_effects"].naive.estimate)


def test_the_order_of_rows_and_the_names_of_units_do_not_matter(world, results):
    names = {unit: f"{unit[::-1]} <b>" for unit in world.panel["course_id"].unique()}
    panel = world.panel.sample(frac=1, random_state=0).replace({"course_id": names})
    elasticity = world.modeler().compare_models(panel, ["fixed_effects"])["fixed_effects"].elasticity
    assert elasticity.estimate == pytest.approx(results["fixed_effects"].elasticity.estimate, rel=1e-6)


def test_a_new_unit_has_its_segments_mean_and_a_new_period_the_last_eights(world, results):
    model = results["fixed_effects"].model
    last_week = world.panel[world.panel["week"] == world.panel["week"].max()]
    assert (model.predict(last_week.assign(course_id="never seen")) > 0).all()
    later = model.predict(last_week.assign(week=pd.Timestamp("2040-01-02")))
    last = np.mean(model.period_effects_[-8:]) - model.period_effects_[-1]
    eta = model.eta(last_week)
    assert later == pytest.approx(last_week["views"] / (1 + np.exp(-(eta + last))))


def test_a_unit_that_sold_nothing_and_a_segment_with_one_price_get_finite_answers(world):
    panel = world.panel.copy()
    panel.loc[panel["course_id"] == "C0003", "enrollments"] = 0
    still = panel["category"] == "cat2"
    panel.loc[still, "token_price"] = panel[still].groupby("course_id")["token_price"].transform("mean")
    panel.loc[still, "discount_pct"] = 0.0
    result = world.modeler().compare_models(panel, ["fixed_effects"])["fixed_effects"]
    table = result.elasticity_by_segment.set_index("segment")
    assert np.isfinite(table.loc["cat2"].to_numpy(dtype=float)).all()
    assert np.isfinite(result.model.predict(panel)).all()
    silent = panel["course_id"] == "C0003"
    assert 0 < result.model.predict(panel[silent]).sum() < 2


def test_a_fit_that_does_not_settle_says_what_to_do():
    world = make_world(seed=1, units=30, weeks=20)
    wild = np.random.default_rng(0).pareto(0.3, len(world.panel)).clip(0, 1e10).round()
    with pytest.raises(ConvergenceError, match=r"within 10 iterations.*What to do: allow more iterations"):
        world.modeler(views=None).compare_models(
            world.panel.assign(enrollments=wild), ["fixed_effects"], params={"fixed_effects": {"max_iterations": 10}}
        )


def test_a_logit_without_views_is_refused(world):
    with pytest.raises(ParamsError, match=r"needs views.*What to do: name the column of views"):
        fitted(world, {"views": None}, form="logit")


@pytest.mark.parametrize("form", ["auto", "logit"])
def test_a_logit_is_refused_if_every_view_sold(world, form):
    panel = world.panel.assign(enrollments=world.panel["views"])
    with pytest.raises(NotIdentifiedError, match="not at every view"):
        world.modeler().compare_models(panel, ["fixed_effects"], params={"fixed_effects": {"form": form}})


def test_effects_of_no_rows_are_an_error_and_no_crash():
    with pytest.raises(NotIdentifiedError, match="0 rows"):
        residualize(np.empty((0, 2)), np.empty((0, 2), dtype=np.uint64), np.empty(0))
