"""The Data page generates a market, uploads a file, and refuses bad input."""

import io

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue
from edtech.data.ingest.samples import sample_panel_csv
from edtech.market import MarketParams, generate_market
from edtech.tracking import EdTechMLFlowTracker
from edtech.ui.widgets import bounds
from tests.pages.look import press, texts, visit

SIZE = {"learners": 200, "teachers": 10, "courses": 20, "weeks": 8, "seed": 5}


@pytest.fixture
def catalogue(home):
    return Catalogue(home.data_dir)


def sample() -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(sample_panel_csv()))


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def upload(open_page, content: bytes, name: str = "panel.csv"):
    app = open_page("data")
    app.file_uploader(key="upload.file").upload(name, content).run()
    assert not app.exception
    return app


def store(app):
    app.button(key="upload.store").click().run()
    assert not app.exception
    return app


def test_generating_stores_the_market_of_these_parameters_and_chooses_it(open_page, catalogue):
    app = open_page("data")
    widgets = {widget.key: widget for widget in (*app.slider, *app.number_input)}
    for name, value in SIZE.items():
        widgets[f"generate.balanced.{name}"].set_value(value)
    app.text_input(key="generate.name.balanced").set_value("Tiny")
    press(app, "Generate")
    assert not app.exception
    [created] = catalogue.list()
    assert created.name == "Tiny"
    assert created.digest == generate_market(MarketParams(**SIZE)).digest
    assert "Tiny is stored and selected" in texts(app)
    assert created.digest[:12] in texts(app)


def test_every_market_parameter_starts_on_a_step_within_its_bounds(open_page):
    app = open_page("data")
    for name, info in MarketParams.model_fields.items():
        if info.annotation is bool:
            continue
        [widget] = [item for item in (*app.slider, *app.number_input) if item.key == f"generate.balanced.{name}"]
        assert (widget.min, widget.max) == bounds(info)
        steps = (widget.value - widget.min) / widget.step
        assert (widget.value, steps) == (getattr(MarketParams(), name), pytest.approx(round(steps))), name


def test_an_uploaded_sample_is_mapped_stored_and_shown(open_page, catalogue):
    app = upload(open_page, sample_panel_csv(), "sales.csv")
    suggested = {role: app.selectbox(key=f"upload.{role}").value for role in ("price", "quantity", "unit", "period")}
    assert suggested == {"price": "token_price", "quantity": "enrollments", "unit": "course_id", "period": "week"}
    app.radio(key="upload.prices_set").set_value("schedule")
    store(app)
    [stored] = catalogue.list()
    assert (stored.name, stored.rows, stored.roles.prices_set) == ("sales.csv", 1_040, "schedule")
    assert stored.roles.randomized_discount == "randomized_discount"
    pd.testing.assert_series_equal(
        stored.panel()["enrollments"].sort_values(ignore_index=True),
        sample()["enrollments"].sort_values(ignore_index=True),
    )
    assert stored.digest[:12] in texts(app)


BAD_FILES = {
    "empty": (b"", "The file is empty"),
    "not a table": (b"<html><body>Sign in</body></html>", "cannot be read as a table"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "cannot be read as a table"),
    "one column": (b"price\n1\n2\n", "only one column"),
    "ragged": (b"price,enrollments\n1,2\n1,2,3\n", "wrong number of cells"),
    "header only": (b"course_id,week,token_price,enrollments\n", "The file has no rows"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_without_a_table_is_refused(open_page, catalogue, case):
    content, problem = BAD_FILES[case]
    app = upload(open_page, content)
    page_text = texts(app)
    assert problem in page_text
    assert "Expected:" in page_text
    assert "Found:" in page_text
    assert "upload.store" not in [button.key for button in app.button]
    assert catalogue.list() == []


def test_without_a_price_column_there_is_nothing_to_store(open_page, catalogue):
    app = upload(open_page, csv(sample()[["course_id", "week", "enrollments"]]))
    assert "Choose a column for: Price (price)" in texts(app)
    assert "upload.store" not in [button.key for button in app.button]
    assert catalogue.list() == []


def _text_in_number() -> pd.DataFrame:
    return sample().assign(token_price=lambda x: x["token_price"].astype(str).where(x.index != 3, "free"))


def _at_row(column: str, value: float) -> pd.DataFrame:
    frame = sample()
    frame[column] = frame[column].where(frame.index != 7, value)
    return frame


BAD_TABLES = {
    "text in a number column": (_text_in_number, "token_price", "must be a number", "free"),
    "negative price": (lambda: _at_row("token_price", -5), "token_price", "must be above 0", "-5"),
    "zero price": (lambda: _at_row("token_price", 0), "token_price", "must be above 0", "0"),
    "missing price": (lambda: _at_row("token_price", np.nan), "token_price", "must not be missing", "missing"),
    "negative quantity": (lambda: _at_row("enrollments", -1), "enrollments", "must be 0 or more", "-1"),
    "more sold than viewed": (lambda: _at_row("enrollments", 9_999), "enrollments", "at most views", "9999"),
    "duplicate rows": (lambda: pd.concat([sample(), sample().head(3)]), "course_id", "once for each unit", "C001"),
    "10,000 categories": (
        lambda: (
            pd.concat([sample().assign(course_id=lambda x, n=n: x["course_id"] + str(n)) for n in range(10)])
            .reset_index(drop=True)
            .assign(category=lambda x: "k" + x.index.astype(str))
        ),
        "category",
        "at most 200 different values",
        "k200",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_table_that_violates_the_contract_is_refused_with_its_rows(open_page, catalogue, case):
    make, column, rule, example = BAD_TABLES[case]
    app = store(upload(open_page, csv(make())))
    page_text = texts(app)
    assert "Expected:" in page_text
    [detail] = [line for line in page_text.splitlines() if line.startswith("- ") and column in line and rule in line]
    assert example in detail
    assert catalogue.list() == []


def test_one_price_only_is_stored_marked_and_refused_by_the_training(open_page, catalogue, home):
    frame = sample().assign(token_price=20.0).drop(columns=["randomized_discount", "price_randomized", "discount_pct"])
    app = store(upload(open_page, csv(frame)))
    [stored] = catalogue.list()
    assert "FAIL" in texts(app)
    assert "the same price" in texts(app).lower() or "one price" in texts(app).lower()
    visit(app, "train")
    press(app, "Train")
    assert not app.exception
    page_text = texts(app)
    assert "Expected:" in page_text
    assert "price" in app.error[0].value
    runs = EdTechMLFlowTracker(home.experiment, settings=home).runs.list_runs([home.experiment])
    assert runs.empty
    assert [item.id for item in catalogue.list()] == [stored.id]


def test_data_sets_are_renamed_deleted_and_restored(open_page, catalogue):
    store(upload(open_page, sample_panel_csv()))
    [stored] = catalogue.list()
    app = open_page("data")
    app.text_input(key=f"rename.{stored.id}").set_value("Better name").run()
    assert catalogue.get(stored.id).name == "Better name"
    app.button(key=f"delete.{stored.id}").click().run()
    assert catalogue.list() == []
    assert "You can restore it below" in texts(app)
    app.button(key=f"restore.{stored.id}").click().run()
    assert [item.name for item in catalogue.list()] == ["Better name"]
    assert not app.exception
