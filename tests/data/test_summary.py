"""Key figures, dictionaries and checks of each kind of data set, compared with pandas."""

import io

import numpy as np
import pandas as pd
import pytest

from edtech.data import CONTRACTS, Catalogue, check_dataset, check_table, roles_for, sample_csv, suggest_kind
from edtech.data.explore import mean_by
from edtech.data.ingest.suggest import suggest_mapping
from edtech.data.quality import health as checks_module
from edtech.data.summary import dictionary, panel_labels, summary
from edtech.errors import ContractError, DataError, DatasetNotFoundError
from edtech.reports import write
from edtech.reports.health import health_report
from edtech.tables.contract import build_table


def sample(kind: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(sample_csv(kind)))


def roles(kind: str, **changes):
    return roles_for(kind, dict(suggest_mapping(sample(kind), kind)) | changes)


@pytest.fixture
def stored(catalogue: Catalogue):
    def store(kind: str):
        upload = catalogue.stage(f"{kind}.csv", sample_csv(kind))
        result = catalogue.add_upload(upload, roles(kind), name=kind)
        upload.close()
        return result

    return store


def values(dataset) -> dict[str, float | None]:
    return {figure.title: figure.value for figure in summary(dataset)}


@pytest.mark.parametrize("kind", CONTRACTS)
def test_the_kind_of_a_table_is_suggested_and_its_figures_have_help(stored, kind):
    assert suggest_kind(sample(kind)) == kind
    figures = summary(stored(kind))
    assert len({figure.title for figure in figures}) == len(figures)
    assert all(figure.help.endswith(".") for figure in figures)


def test_zero_has_no_sign_in_the_dictionary(catalogue: Catalogue):
    rows = sample("panel").assign(saved=np.arange(1_040) / 2)
    upload = catalogue.stage("p.csv", rows.to_csv(index=False).encode())
    stored = catalogue.add_upload(upload, roles("panel", controls=("saved",)), name="p")
    upload.close()
    table = dictionary(stored, "panel").set_index("column")
    assert table.loc["saved", "lowest"] == "0.0"


def test_an_uploaded_panel_is_labeled_by_its_own_columns(catalogue: Catalogue):
    rows = pd.DataFrame({"prices": np.linspace(1, 2, 40), "shares": np.linspace(0.1, 0.2, 40), "quarter": range(40)})
    upload = catalogue.stage("p.csv", rows.to_csv(index=False).encode())
    none = dict.fromkeys(("unit", "segment", "views", "randomized_discount", "randomized_flag"))
    inputs = {"price": "prices", "quantity": "shares", "period": None} | none
    plain = catalogue.add_upload(upload, roles_for("panel", inputs), name="p")
    labels = panel_labels(plain)
    assert (labels.price_axis, labels.quantity_axis, labels.price_unit) == ("prices", "shares", "")
    timed = catalogue.add_upload(upload, roles_for("panel", inputs | {"period": "quarter"}), name="p")
    upload.close()
    assert panel_labels(timed).quantity_axis == "shares per period"
    reported = " ".join(f"{item.title} {item.unit}" for item in summary(timed))
    assert "shares" in reported
    assert "oken" not in reported
    assert "nrollment" not in reported
    report = health_report(timed, check_dataset(timed), {})
    assert "oken" not in write(report, "html").decode()


def test_figures_are_those_of_the_rows(stored):
    visits, labels, ratings = (sample(kind) for kind in ("visits", "labels", "ratings"))
    result = values(stored("visits"))
    assert result["Visits"] == visits["visit_id"].nunique()
    assert result["Conversion of views"] == pytest.approx(visits["enrolled"].mean())
    result = values(stored("labels"))
    assert (result["Rows"], result["Outcome"]) == (600, pytest.approx(labels["churned"].mean()))
    result = values(stored("ratings"))
    assert result["Mean rating"] == pytest.approx(ratings["rating"].mean())
    assert result["Teachers"] == ratings["teacher_id"].nunique()


@pytest.mark.parametrize("kind", CONTRACTS)
def test_the_dictionary_tells_role_meaning_and_range_of_every_column(stored, kind):
    dataset = stored(kind)
    table, reported = dataset.main(), dictionary(dataset, dataset.main_table).set_index("column")
    assert list(reported.index) == list(table.columns)
    assert (reported["role"] != "").all()
    assert (reported["meaning"] != "").all()
    for name in table:
        assert reported.loc[name, "different"] == table[name].nunique()
        assert reported.loc[name, "missing"] == pytest.approx(table[name].isna().mean())
    with pytest.raises(DataError):
        dictionary(dataset, "cooks")


def test_means_by_another_column_are_those_of_pandas(stored):
    dataset, frame = stored("labels"), sample("labels")
    result = mean_by(dataset, "churned", "plan").set_index("value")
    expected = frame.groupby("plan")["churned"].agg(["size", "mean", "sem"])
    for plan, row in expected.iterrows():
        assert result.loc[plan, "rows"] == row["size"]
        assert result.loc[plan, "mean"] == pytest.approx(row["mean"])
        assert result.loc[plan, "error"] == pytest.approx(1.96 * row["sem"])
    bins = mean_by(dataset, "churned", "first_price", bins=6)
    assert bins["rows"].sum() == len(frame)
    assert bins["rows"].between(90, 110).all()
    assert np.average(bins["mean"], weights=bins["rows"]) == pytest.approx(frame["churned"].mean())
    assert (bins["low"].iloc[1:].to_numpy() >= bins["high"].iloc[:-1].to_numpy()).all()
    assert str(mean_by(dataset, "churned", "joined_on")["low"].dtype) == "datetime64[us]"
    with pytest.raises(DataError):
        mean_by(dataset, "churned", "cooks")


def test_tables_are_read_in_batches_and_copied_whole(stored):
    dataset = stored("visits")
    parts = list(dataset.batches("visits", 700))
    assert [len(section) for section in parts] == [700, 700, 200]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), dataset.main())
    sink = io.BytesIO()
    assert dataset.copy_table("visits", sink) == 1_600
    pd.testing.assert_frame_equal(pd.read_parquet(sink), dataset.main())
    with pytest.raises(DatasetNotFoundError):
        next(dataset.batches("cooks"))


# ---- roles


def test_all_missing_and_invalid_selections_are_reported_at_once():
    with pytest.raises(ContractError, match=r"Visit \(visit\), Course \(course\)"):
        roles_for("visits", {"price": "p", "chosen": "c"})
    with pytest.raises(ContractError) as error:
        roles_for("labels", {"label": "y", "features": ("x",), "task": "cooking", "as_of": "x" * 200})
    assert len(error.value.details) == 2
    with pytest.raises(ContractError, match="Unknown kind"):
        roles_for("recipes", {})


def test_a_flag_with_gaps_is_blamed_for_its_gaps_only():
    frame = sample("labels").assign(churned=lambda x: x["churned"].where(x.index != 4))
    for positive in ((), ("1",)):
        with pytest.raises(ContractError) as error:
            build_table(CONTRACTS["labels"], frame, roles("labels", positive=positive))
        assert error.value.failures["row"].tolist() == [5]
        assert error.value.failures["problem"].tolist() == ["must not be missing"]


# ---- health


def problems(kind: str, frame: pd.DataFrame, **changes) -> dict[str, str]:
    checks = check_table(build_table(CONTRACTS[kind], frame, roles(kind, **changes)), roles(kind, **changes))
    assert len({check.code for check in checks}) == len(checks)
    assert all(bool(check.fix) == (check.severity != "PASS") for check in checks)
    return {check.code: check.severity.value for check in checks if check.severity != "PASS"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f, {}),
        (lambda f: f.assign(enrolled=0), {"choices": "FAIL"}),
        (lambda f: f.drop_duplicates("visit_id"), {"offers": "REVIEW"}),
        (lambda f: f.assign(token_price=20.0), {"price_changes": "FAIL"}),
        (lambda f: f.assign(token_price=f["token_price"].where(f.index != 3, 9_999)), {"price_outliers": "REVIEW"}),
        (lambda f: f.head(160), {"thin_courses": "REVIEW"}),
        (lambda f: f.assign(learner_id=[f"L{i}" for i in range(len(f))]), {"learners": "FAIL"}),
    ],
)
def test_each_problem_of_visits_is_reported(change, expected):
    reported = problems("visits", change(sample("visits")))
    worst = "FAIL" if "FAIL" in expected.values() else "REVIEW"
    assert reported["learnable"] == worst
    assert expected.items() <= reported.items()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f, {}),
        (lambda f: pd.concat([f, f.head(40)]), {"duplicates": "REVIEW"}),
        (lambda f: f.assign(rating=5), {"scale": "FAIL"}),
        (lambda f: f.assign(teacher_id=[f"T{i // 2}" for i in range(len(f))]), {"ratings_per_teacher": "REVIEW"}),
        (lambda f: f.assign(learner_id=f["teacher_id"] + "x"), {"linked_teachers": "REVIEW"}),
        (lambda f: f.assign(earlier_grade=f["earlier_grade"].where(f.index > 400)), {"missing_values": "REVIEW"}),
    ],
)
def test_each_problem_of_ratings_is_reported(change, expected):
    reported = problems("ratings", change(sample("ratings")))
    assert expected.items() <= reported.items()
    assert reported.get("learnable") == (max(expected.values(), key=["REVIEW", "FAIL"].index) if expected else None)


def test_ratings_without_a_learner_cannot_be_compared_fairly():
    assert problems("ratings", sample("ratings"), learner=None)["linked_teachers"] == "REVIEW"


def test_churn_without_any_duration_is_reported():
    assert problems("labels", sample("labels").assign(tenure=1), as_of="joining")["durations"] == "FAIL"


def test_a_market_has_its_books_checked_too(catalogue):
    from edtech.market import MarketParams

    created = catalogue.add_generated(MarketParams(learners=100, teachers=5, courses=10, weeks=6), name="m")
    codes = [check.code for check in check_dataset(created)]
    assert codes[0] == "identities"
    assert codes[-1] == "learnable"


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_long_table_is_sampled_and_the_check_says_so(stored, kind, monkeypatch):
    dataset = stored(kind)
    whole = check_dataset(dataset)
    monkeypatch.setattr(checks_module, "MANY_ROWS", dataset.rows // 3)
    reported = check_dataset(dataset)
    assert [check.code for check in reported] == ["part", *(check.code for check in whole)]
    table = checks_module._sample(dataset, 3)
    assert 0.1 * dataset.rows < len(table) < 0.6 * dataset.rows
    assert (
        f"{checks_module._sample(dataset, -(-dataset.rows // (dataset.rows // 3))).shape[0]:,} of"
        in reported[0].evidence
    )
    assert list(table.columns) == list(dataset.main().columns)
    key = {"panel": "course_id", "visits": "visit_id", "ratings": "teacher_id"}.get(kind)
    if key is not None:  # those that are there are there whole
        rows = dataset.main()
        assert len(rows[rows[key].isin(set(table[key]))]) == len(table)
