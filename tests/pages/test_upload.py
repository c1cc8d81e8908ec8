"""Upload of every kind of table: mapped, stored and shown, or refused with all bad rows; no staged rows remain."""

import io

import pandas as pd
import pytest

from edtech.data import CONTRACTS, Catalogue, sample_csv
from tests.pages.conftest import PAGES
from tests.pages.look import figures, texts, visit

OTHERS = [name for name in PAGES if name not in ("data", "compare")]
ROWS = {"panel": 1_040, "visits": 1_600, "labels": 600, "ratings": 800}


@pytest.fixture
def catalogue(home):
    return Catalogue(home.data_dir)


def upload(app, content: bytes, name: str):
    app.file_uploader(key="upload.file").upload(name, content).run()
    assert not app.exception
    return app


def store(app):
    app.button(key="upload.store").click().run()
    assert not app.exception
    return app


def pending_uploads(catalogue: Catalogue) -> list[str]:
    return sorted(path.name for path in catalogue.folder.glob(".writing-*") if path.is_dir())


def downloads(app) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


@pytest.mark.parametrize("kind", CONTRACTS)
def test_each_kind_is_suggested_stored_and_shown_on_every_page(open_page, catalogue, kind):
    app = upload(open_page("data"), sample_csv(kind), f"{kind}.csv")
    assert app.selectbox(key="upload.kind").value == kind
    store(app)
    [stored] = catalogue.list()
    assert (stored.kind, stored.rows, stored.name) == (kind, ROWS[kind], f"{kind}.csv")
    assert f"{kind}.csv is stored and selected" in texts(app)
    assert "Digest" in texts(app)
    assert figures(app)
    assert pending_uploads(catalogue) == []
    for name in () if kind == "panel" else OTHERS:
        visit(app, name)
        assert not app.exception, name
        assert not app.error or "What to do:" in texts(app), name


def spoiled(kind: str) -> pd.DataFrame:
    """Return a table whose row 3 (from 1) violates the contract of its kind."""
    frame = pd.read_csv(io.BytesIO(sample_csv(kind)))
    column, value = {
        "panel": ("token_price", -5.0),
        "visits": ("token_price", 0.0),
        "labels": ("churned", None),
        "ratings": ("rating", None),
    }[kind]
    frame[column] = frame[column].astype(float)
    frame.loc[2, column] = value
    return frame


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_bad_file_of_each_kind_is_refused_with_its_rows_to_download(open_page, catalogue, kind):
    app = store(upload(open_page("data"), spoiled(kind).to_csv(index=False).encode(), "bad.csv"))
    assert "row 3" in texts(app)
    assert "Download failures (CSV)" in downloads(app)
    assert catalogue.list() == []
    assert len(pending_uploads(catalogue)) == 1


def test_a_rerun_does_not_read_again_and_a_new_file_replaces_the_old(open_page, catalogue):
    app = upload(open_page("data"), sample_csv("labels"), "a.csv")
    [first] = pending_uploads(catalogue)
    app.run()
    app.selectbox(key="upload.label").set_value("plan").run()
    assert pending_uploads(catalogue) == [first]
    assert "monthly" in app.multiselect(key="upload.positive").options
    app.multiselect(key="upload.positive").set_value(["monthly"]).run()
    app.selectbox(key="upload.decimal_mark").set_value(",").run()
    assert len(pending_uploads(catalogue)) == 2
    upload(app, sample_csv("ratings"), "b.csv")
    assert app.selectbox(key="upload.decimal_mark").value == "."
    assert app.selectbox(key="upload.kind").value == "ratings"
    assert len(pending_uploads(catalogue)) == 2
    assert first not in pending_uploads(catalogue)
    store(app)
    assert [item.kind for item in catalogue.list()] == ["ratings"]
    assert pending_uploads(catalogue) == []
    visit(app, "pricing")
    assert "is a table of ratings by teacher" in texts(app)


def test_a_kind_other_than_suggested_has_its_own_roles(open_page, catalogue):
    app = upload(open_page("data"), sample_csv("visits"), "v.csv")
    app.selectbox(key="upload.kind").set_value("labels").run()
    app.selectbox(key="upload.label").set_value("enrolled").run()
    app.text_input(key="upload.as_of").set_value("enrollment").run()
    store(app)
    [stored] = catalogue.list()
    assert (stored.kind, stored.mapping.label, stored.mapping.as_of) == ("labels", "enrolled", "enrollment")
    upload(app, sample_csv("visits") + b"V9999,L001,2024-03-31,C001,Design,20,0\n", "more.csv")
    assert "Same mapping as the last file" in texts(app)
    assert app.selectbox(key="upload.kind").value == "labels"
    assert app.text_input(key="upload.as_of").value == "enrollment"


def test_the_user_can_correct_the_format_of_a_text_file(open_page, catalogue):
    lines = "".join(f"K{i % 5}|{i // 5}|{i}.5|{i % 3}\n" for i in range(60))
    app = upload(open_page("data"), b"unit;a|week|price|sales\n" + lines.encode(), "x.csv")
    app.selectbox(key="upload.delimiter").set_value("|").run()
    assert not app.exception
    assert app.selectbox(key="upload.price").value == "price"
    store(app)
    assert [item.rows for item in catalogue.list()] == [60]


def test_a_stored_file_can_be_mapped_again(open_page, catalogue):
    app = store(upload(open_page("data"), sample_csv("ratings"), "r.csv"))
    assert "This file is stored" in texts(app)
    app.button(key="upload.again").click().run()
    app.selectbox(key="upload.kind").set_value("labels").run()
    assert "Choose a column for: Label" in texts(app)


def test_the_reading_of_dates_is_shown_and_selectable_if_ambiguous(open_page, catalogue):
    lines = "".join(f"K{i % 5},{week:02d}/04/2024,{i}.5,{i % 3}\n" for week in range(1, 13) for i in range(1, 6))
    app = upload(open_page("data"), b"unit,week,price,sales\n" + lines.encode(), "x.csv")
    assert "is read as" not in texts(app)
    store(app)
    assert "must be a date" in texts(app)
    app.radio(key="upload.dates").set_value("day_first").run()
    assert "'week': '01/04/2024' is read as 1 April 2024." in texts(app)
    store(app)
    assert [item.period for item in catalogue.list()] == [("2024-04-01", "2024-04-12")]
    app = upload(
        open_page("data"), lines.replace("/04/", "/14/").join(["unit,week,price,sales\n", ""]).encode(), "y.csv"
    )
    assert "'week': '01/14/2024' is read as 14 January 2024." in texts(app)
