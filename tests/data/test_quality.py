"""Each check passes on valid data and reports the single problem of spoiled data."""

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue, build_panel, check_panel, read_upload, sample_panel_csv, suggest_roles
from edtech.data.quality.checks import worst_severity
from edtech.data.quality.health import accounting_check, check_identities
from edtech.data.quality.leakage import columns_later_than, made_of_outcome, time_step
from edtech.data.quality.outcomes import check_frame
from edtech.errors import DataError
from edtech.market import MarketParams, generate_market
from edtech.tables.roles import MARKET_ROLES, PanelRoles

SOUND = MARKET_ROLES.model_copy(update={"prices_set": "schedule"})


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return build_panel(read_upload("s.csv", sample_panel_csv()).frame, MARKET_ROLES)


def grades(panel: pd.DataFrame, roles: PanelRoles = SOUND) -> dict[str, str]:
    """Return the findings that are not PASS."""
    return {check.code: check.severity.value for check in check_panel(panel, roles) if check.severity != "PASS"}


def check_of(code: str, panel: pd.DataFrame, roles: PanelRoles = SOUND):
    return next(check for check in check_panel(panel, roles) if check.code == code)


def test_sound_data_pass_every_check(panel):
    checks = check_panel(panel, SOUND)
    assert grades(panel) == grades(panel, MARKET_ROLES) == {}
    assert checks[-1].code == "learnable"
    assert len({check.code for check in checks}) == len(checks) == 17
    assert all(check.title and check.evidence and not check.fix for check in checks)


def test_every_finding_says_what_to_do(panel):
    spoiled = panel.assign(token_price=5.0, enrollments=0)
    assert all(check.fix for check in check_panel(spoiled, MARKET_ROLES) if check.severity != "PASS")


def test_missing_values_and_duplicates_fail(panel):
    raw = panel.astype({"views": float})
    raw.loc[3, "views"] = np.nan
    assert grades(raw) == {"missing_values": "FAIL"}
    assert check_of("missing_values", raw).evidence == "Missing values by column: 'views': 1."
    assert grades(pd.concat([panel, panel.head(1)], ignore_index=True))["duplicates"] == "FAIL"


def test_gaps_in_time_are_seen_for_all_units_and_for_single_ones(panel):
    week = panel["week"].unique()[10]
    assert ", 1 missing between them;" in check_of("period_gaps", panel[panel["week"] != week]).evidence
    thinned = panel[~panel["week"].isin(panel["week"].unique()[5:8]) | panel["course_id"].lt("C021")]
    assert grades(thinned) == {"period_gaps": "REVIEW"}
    assert ", 0 missing between them;" in check_of("period_gaps", thinned).evidence
    assert check_of("period_gaps", thinned).evidence.endswith(
        "; 5.8% of the rows between each unit's first and last period are missing."
    )


def test_one_price_fails_as_the_training_will(panel):
    result = grades(panel.assign(token_price=9.0))
    assert result["price_levels"] == result["learnable"] == result["price_changes"] == "FAIL"
    assert check_of("learnable", panel.assign(token_price=9.0)).evidence == "No: every row has the same price."


def test_prices_that_never_change_within_units_identify_nothing(panel):
    fixed = panel.assign(token_price=panel.groupby("course_id")["token_price"].transform("max"), discount_pct=0.0)
    roles = SOUND.model_copy(update={"randomized_discount": None, "randomized_flag": None})
    result = grades(fixed, roles)
    assert result["price_changes"] == result["learnable"] == "FAIL"


def test_a_price_a_hundred_times_too_high_is_an_outlier(panel):
    spoiled = panel.assign(token_price=panel["token_price"].where(panel.index != 5, panel["token_price"] * 100))
    assert grades(spoiled) == {"price_outliers": "REVIEW"}
    assert check_of("price_outliers", spoiled).evidence.startswith("1 of 1,040 prices")


@pytest.mark.parametrize(
    ("changes", "severity", "evidence"),
    [
        ({}, "PASS", "some prices are randomized"),
        ({"randomized_flag": None, "randomized_discount": None}, "PASS", "independent of demand as stated"),
        (
            {"randomized_flag": None, "randomized_discount": None, "prices_set": "unknown"},
            "REVIEW",
            "no recommended prices",
        ),
        ({"randomized_flag": None, "randomized_discount": None, "prices_set": "experiment"}, "PASS", "as stated"),
        (
            {"randomized_flag": None, "randomized_discount": None, "instruments": ("randomized_discount",)},
            "PASS",
            "the instruments are strong",
        ),
    ],
)
def test_whether_an_elasticity_can_be_estimated_follows_from_identification(panel, changes, severity, evidence):
    check = check_of("learnable", panel, SOUND.model_copy(update=changes))
    assert check.severity == severity
    assert evidence in check.evidence


def test_few_randomized_rows_are_not_enough(panel):
    few = panel.assign(price_randomized=panel["price_randomized"] & (panel.index < 200))
    check = check_of("randomized_prices", few)
    assert check.severity == "REVIEW"
    assert check.evidence.startswith(f"{few['price_randomized'].mean():.1%} of the rows")


def test_units_that_do_not_repeat_leave_only_covariates(panel):
    once = panel.drop_duplicates("course_id").assign(income=1.0)
    roles = PanelRoles(segment=None, views=None, controls=("income",))
    result = grades(once, roles)
    assert result["repeated_units"] == result["learnable"] == "REVIEW"
    assert "price_changes" not in {check.code for check in check_panel(once, roles)}
    assert "The table has only 40 rows." in check_of("learnable", once, roles).evidence
    assert grades(once, roles.model_copy(update={"controls": ()}))["learnable"] == "FAIL"


def test_thin_sales_and_zeros_are_reported(panel):
    thin = panel.assign(enrollments=(panel.index % 4 == 0).astype(int))
    assert grades(thin) == {"sales": "REVIEW", "zeros": "REVIEW"}
    assert check_of("zeros", thin).evidence == "75% of the rows have no sales."
    shares = panel.assign(enrollments=panel["enrollments"] / 10_000 + 1e-6)
    assert grades(shares) == {}


def test_rows_without_views_are_reported(panel):
    unviewed = panel.assign(views=0, enrollments=0)
    assert grades(unviewed)["views"] == "FAIL"
    assert "No column is mapped to views" in check_of("views", panel, SOUND.model_copy(update={"views": None})).evidence


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


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("actual_enrollments", lambda rows: rows["views"]),
        ("total_revenue", lambda rows: rows["views"]),
        ("demand_intensity", lambda rows: rows["views"]),
        ("x", lambda rows: rows["enrollments"] * rows["token_price"]),
        ("y", lambda rows: np.log1p(rows["enrollments"])),
    ],
)
def test_columns_made_of_quantity_are_suspects_by_name_or_value(panel, column, values):
    busy = panel.assign(enrollments=panel["enrollments"] + np.arange(len(panel)) % 37)
    busy["views"] += busy["enrollments"]
    spoiled = busy.assign(**{column: values(busy)})
    assert grades(busy).get("leakage") is None
    check = check_of("leakage", spoiled)
    assert check.severity == "REVIEW"
    assert repr(column) in check.evidence
    used = SOUND.model_copy(update={"controls": (column,)})
    assert check_of("leakage", spoiled, used).severity == "FAIL"


def test_an_instrument_is_checked_by_its_values_alone(panel):
    sample = panel.assign(demand_instrument0=np.random.default_rng(1).normal(size=len(panel)))
    roles = SOUND.model_copy(update={"instruments": ("demand_instrument0",)})
    assert check_of("leakage", sample, roles).severity == "PASS"
    assert check_of("leakage", sample).severity == "REVIEW"
    created = panel.assign(demand_instrument0=panel["enrollments"] * panel["token_price"])
    assert check_of("leakage", created, roles).severity == "FAIL"


def test_a_row_with_a_total_and_a_thin_segment_are_reported(panel):
    spoiled = panel.assign(enrollments=panel["enrollments"].where(panel.index != 7, 90_000))
    assert grades(spoiled) == {"quantity_outliers": "REVIEW", "row_identities": "FAIL"}
    thin = panel.assign(category=panel["category"].where(panel["course_id"] != "C001", "Rare"))
    assert grades(thin) == {"categories": "REVIEW"}
    assert "1 of them with fewer than 50 rows" in check_of("categories", thin).evidence


def test_a_price_other_than_list_minus_discount_is_reported(panel):
    listed = panel.assign(list_price=panel["token_price"] / 0.9, discount_pct=0.1)
    assert grades(listed) == {}
    check = check_of("row_identities", listed.assign(list_price=listed["list_price"].where(panel.index != 3, 900.0)))
    assert (check.severity, check.evidence) == (
        "REVIEW",
        "Inconsistent rows: price differs from list price minus discount: 1.",
    )


# ---- identities of stored data


@pytest.fixture
def stored(catalogue: Catalogue):
    return catalogue.add_market(generate_market(MarketParams(learners=200, teachers=8, courses=20, weeks=8)), name="m")


def test_accounting_identities_of_a_stored_market_hold_until_a_file_changes(stored, panel, catalogue):
    assert check_identities(stored) == []
    assert accounting_check(stored).severity == "PASS"
    rows = stored.table("enrollments")
    rows.loc[0, "teacher_tokens"] += 1
    rows.to_parquet(stored.files("enrollments")[0], index=False)
    broken = check_identities(stored)
    assert any("sum of teacher earnings, commission" in sentence for sentence in broken)
    assert accounting_check(stored).severity == "FAIL"
    assert accounting_check(stored).fix
    assert check_identities(catalogue.add_panel(panel, MARKET_ROLES, name="p")) == []


# ---- labeled rows


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    outcome = draw.random(600) < 0.3
    return pd.DataFrame(
        {
            "age": draw.integers(18, 60, 600),
            "region": draw.choice(["north", "south"], 600),
            "score": draw.normal(size=600) + outcome,
            "last_4_weeks_visits": draw.poisson(2, 600),
            "left": np.where(outcome, "Yes", "No"),
        }
    )


def problems(frame: pd.DataFrame, target: str = "left", **options) -> dict[str, str]:
    checks = check_frame(frame, target, **options)
    assert len({check.code for check in checks}) == len(checks)
    assert all(bool(check.fix) == (check.severity != "PASS") for check in checks)
    assert checks[-1].severity == worst_severity(checks)
    return {check.code: check.severity.value for check in checks[:-1] if check.severity != "PASS"}


def test_sound_rows_pass(rows):
    assert problems(rows, as_of="enrollment") == problems(rows) == {}
    assert check_frame(rows, "left")[-1].evidence == "Yes, as far as the data show."


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f.assign(copy=f["left"].eq("Yes") * 5.0), {"leakage": "FAIL"}),
        (lambda f: f.assign(kind=f["left"].map({"Yes": "gone", "No": "here"})), {"leakage": "FAIL"}),
        (lambda f: f.assign(day=f["age"].where(f["left"] == "Yes")), {"leakage": "FAIL", "missing_values": "REVIEW"}),
        (lambda f: f.assign(churn_reason=f["region"]), {"leakage": "REVIEW"}),
        (lambda f: f.assign(name=[f"u{i}" for i in range(len(f))]), {"categories": "REVIEW"}),
        (lambda f: f.assign(age=f["age"].where(f.index != 4, 99_999)), {"outliers": "REVIEW"}),
        (lambda f: f.assign(same=1), {"constants": "REVIEW"}),
        (lambda f: pd.concat([f, f.head(50)]), {"duplicates": "REVIEW"}),
        (lambda f: f.assign(left=f["left"].where(f.index > 2)), {"missing_values": "FAIL"}),
        (lambda f: f.assign(week_3_logins=f["age"]), {"known_later": "FAIL"}),
    ],
)
def test_each_problem_of_rows_is_reported_alone(rows, change, expected):
    assert problems(change(rows), as_of="enrollment") == expected


def test_people_who_are_alike_are_no_copies_of_one_row(rows):
    people = rows.assign(subject=range(len(rows)))
    assert "duplicates" not in problems(people, features=["region"])
    copied = problems(pd.concat([people, people.head(50)]), features=["region"])
    assert copied == {"duplicates": "REVIEW"}


def test_a_single_outcome_cannot_be_predicted(rows):
    assert problems(rows.assign(left="No"))["balance"] == "FAIL"
    assert problems(rows.assign(left=np.where(rows.index < 9, "Yes", "No")))["balance"] == "REVIEW"


def test_one_row_is_reported_in_the_singular(rows, panel):
    assert check_frame(rows.head(1), "left")[-1].evidence.endswith("The table has only 1 row.")
    assert check_of("learnable", panel.head(1)).evidence.endswith("The table has only 1 row.")


def test_numbers_are_an_outcome_too(rows):
    assert problems(rows.drop(columns="left"), "age") == {}
    assert problems(rows.assign(twice=rows["age"] * 2).drop(columns="left"), "age") == {"leakage": "FAIL"}


def test_rows_without_the_target_say_so(rows):
    with pytest.raises(DataError, match="'gone'"):
        check_frame(rows, "gone")
    with pytest.raises(DataError, match="0 rows"):
        check_frame(rows.head(0), "left")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Curricular units 2nd sem (grade)", ("sem", 2)),
        ("week_12_logins", ("week", 12)),
        ("gradeSecondTerm", ("term", 2)),
        ("visits_last_4_weeks", None),
        ("year 2024", None),
        ("Admission grade", None),
    ],
)
def test_a_step_of_time_is_read_from_a_name(text, expected):
    assert time_step(text) == expected


def test_what_is_later_depends_on_the_moment():
    names = ["sem 1 grade", "sem 2 grade", "month 3"]
    assert columns_later_than(names, "Enrolment") == (names, True)
    assert columns_later_than(names, "end of 1st semester") == (["sem 2 grade"], True)
    assert columns_later_than(names, "whenever") == ([], False)
    assert not made_of_outcome("token_price")


def test_the_later_semesters_of_real_students_are_named(examples):
    file = examples / "student_dropout" / "students_dropout_academic_success.csv"
    students = pd.read_csv(file)
    later = [name for name in students if "sem (" in name]
    check = next(
        c for c in check_frame(students, "target", "enrollment", positive=["Dropout"]) if c.code == "known_later"
    )
    assert check.severity == "FAIL"
    assert len(later) == 12
    assert all(name in check.evidence for name in later)
