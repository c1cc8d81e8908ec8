"""Health: each check passes on sound data and tells the one thing that is wrong with data spoiled in one way."""

import numpy as np
import pandas as pd
import pytest

from edtech.data import build_panel, check_panel, read_upload, sample_panel_csv, suggest_roles
from edtech.tables.roles import MARKET_ROLES, PanelRoles

SOUND = MARKET_ROLES.model_copy(update={"prices_set": "schedule"})


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return build_panel(read_upload("s.csv", sample_panel_csv()).frame, MARKET_ROLES)


def grades(panel: pd.DataFrame, roles: PanelRoles = SOUND) -> dict[str, str]:
    """Return the findings that are not PASS."""
    return {check.code: check.severity.value for check in check_panel(panel, roles) if check.severity != "PASS"}


def finding(code: str, panel: pd.DataFrame, roles: PanelRoles = SOUND):
    return next(check for check in check_panel(panel, roles) if check.code == code)


def test_sound_data_pass_every_check(panel):
    checks = check_panel(panel, SOUND)
    assert grades(panel) == grades(panel, MARKET_ROLES) == {}
    assert checks[-1].code == "learnable"
    assert len({check.code for check in checks}) == len(checks) == 13
    assert all(check.title and check.evidence and not check.fix for check in checks)


def test_every_finding_says_what_to_do(panel):
    spoiled = panel.assign(token_price=5.0, enrollments=0)
    assert all(check.fix for check in check_panel(spoiled, MARKET_ROLES) if check.severity != "PASS")


def test_missing_values_and_duplicates_fail(panel):
    raw = panel.astype({"views": float})
    raw.loc[3, "views"] = np.nan
    assert grades(raw) == {"missing_values": "FAIL"}
    assert finding("missing_values", raw).evidence == "Missing cells by column: 'views': 1."
    assert grades(pd.concat([panel, panel.head(1)], ignore_index=True))["duplicates"] == "FAIL"


def test_gaps_in_time_are_seen_for_all_units_and_for_single_ones(panel):
    week = panel["week"].unique()[10]
    assert "1 between them are absent" in finding("period_gaps", panel[panel["week"] != week]).evidence
    thinned = panel[~panel["week"].isin(panel["week"].unique()[5:8]) | panel["course_id"].lt("C021")]
    assert grades(thinned) == {"period_gaps": "REVIEW"}
    assert "0 between them are absent" in finding("period_gaps", thinned).evidence
    assert finding("period_gaps", thinned).evidence.endswith("first and last period 5.8% are absent.")


def test_one_price_fails_as_the_training_will(panel):
    found = grades(panel.assign(token_price=9.0))
    assert found["price_levels"] == found["learnable"] == found["price_changes"] == "FAIL"
    assert finding("learnable", panel.assign(token_price=9.0)).evidence == "No: every row has the same price."


def test_a_price_per_unit_that_never_changes_cannot_be_learned_from(panel):
    fixed = panel.assign(token_price=panel.groupby("course_id")["token_price"].transform("max"), discount_pct=0.0)
    roles = SOUND.model_copy(update={"randomized_discount": None, "randomized_flag": None})
    found = grades(fixed, roles)
    assert found["price_changes"] == found["learnable"] == "FAIL"


def test_a_price_a_hundred_times_too_high_is_an_outlier(panel):
    spoiled = panel.assign(token_price=panel["token_price"].where(panel.index != 5, panel["token_price"] * 100))
    assert grades(spoiled) == {"price_outliers": "REVIEW"}
    assert finding("price_outliers", spoiled).evidence.startswith("1 of 1,040 prices")


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({}, "PASS", "part of the prices was drawn at random"),
        ({"randomized_flag": None, "randomized_discount": None}, "PASS", "did not answer to demand as stated"),
        (
            {"randomized_flag": None, "randomized_discount": None, "prices_set": "unknown"},
            "REVIEW",
            "no recommendation",
        ),
        ({"randomized_flag": None, "randomized_discount": None, "prices_set": "experiment"}, "PASS", "as stated"),
        (
            {"randomized_flag": None, "randomized_discount": None, "instruments": ("randomized_discount",)},
            "PASS",
            "instruments move the price strongly",
        ),
    ],
)
def test_whether_an_elasticity_can_be_learned_follows_from_what_is_known(panel, changes, severity, words):
    check = finding("learnable", panel, SOUND.model_copy(update=changes))
    assert check.severity == severity
    assert words in check.evidence


def test_few_randomized_rows_are_not_enough(panel):
    few = panel.assign(price_randomized=panel["price_randomized"] & (panel.index < 200))
    check = finding("randomized_prices", few)
    assert check.severity == "REVIEW"
    assert check.evidence.startswith(f"{few['price_randomized'].mean():.1%} of the rows")


def test_units_that_do_not_repeat_leave_only_covariates(panel):
    once = panel.drop_duplicates("course_id").assign(income=1.0)
    roles = PanelRoles(segment=None, views=None, controls=("income",))
    found = grades(once, roles)
    assert found["repeated_units"] == found["learnable"] == "REVIEW"
    assert "price_changes" not in {check.code for check in check_panel(once, roles)}
    assert "There are only 40 rows." in finding("learnable", once, roles).evidence
    assert grades(once, roles.model_copy(update={"controls": ()}))["learnable"] == "FAIL"


def test_thin_sales_and_zeros_are_told(panel):
    thin = panel.assign(enrollments=(panel.index % 4 == 0).astype(int))
    assert grades(thin) == {"sales": "REVIEW", "zeros": "REVIEW"}
    assert finding("zeros", thin).evidence == "75% of the rows sold nothing."
    shares = panel.assign(enrollments=panel["enrollments"] / 10_000 + 1e-6)
    assert grades(shares) == {}


def test_views_that_nobody_had_are_told(panel):
    unseen = panel.assign(views=0, enrollments=0)
    assert grades(unseen)["views"] == "FAIL"
    assert "No views are given" in finding("views", panel, SOUND.model_copy(update={"views": None})).evidence


def test_a_panel_without_any_keys_is_checked(panel):
    roles = PanelRoles(unit=None, period=None, segment=None, views=None)
    codes = {check.code for check in check_panel(panel, roles)}
    assert {"duplicates", "period_gaps", "price_changes"}.isdisjoint(codes)


def test_the_sample_is_the_same_at_every_call_and_holds_no_false_promise():
    assert sample_panel_csv() == sample_panel_csv()
    frame = read_upload("s.csv", sample_panel_csv()).frame
    assert suggest_roles(frame).roles() == MARKET_ROLES
    assert frame.loc[~frame["price_randomized"], "discount_pct"].eq(0).all()
    assert len(frame) == 40 * 26
