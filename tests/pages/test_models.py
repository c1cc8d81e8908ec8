"""The Models page: run details, the registry with its checks, predictions."""

import shutil

import pytest

from edtech.ml.prediction import predict_rows, template
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems
from edtech.tracking.registry import ModelRegistry
from edtech.training.trainer import train_runs
from edtech.ui.models.run_details import address_of, note_text
from tests.pages.look import figures, markdown, press, table, texts


@pytest.fixture
def trained(stored_full, home):
    """The small market in this test's own home, with one run of teachers."""
    shutil.copytree(stored_full.settings.data_dir / stored_full.market.id, home.data_dir / stored_full.market.id)
    database = stored_full.settings.mlruns_dir / "mlflow.db"
    home.mlruns_dir.mkdir(parents=True)
    shutil.copyfile(database, home.mlruns_dir / "mlflow.db")
    tracker = EdTechMLFlowTracker("models", settings=home)
    (run,) = train_runs(stored_full.market, ["empirical_bayes"], family="teacher_quality", tracker=tracker)
    return run


@pytest.fixture
def page(trained, open_page, monkeypatch):
    monkeypatch.setenv("EDTECH_EXPERIMENT", "models")
    app = open_page("models")
    assert not app.exception
    return app


def test_a_run_is_shown_registered_promoted_and_predicted_with(page, trained, home):
    page_text = texts(page)
    assert trained.run_id in page_text
    assert "The standard deviation of teachers is" in page_text
    assert set(table(page, "Meaning")["Metric"]) >= {"SD of teachers", "RMSE of ratings"}
    assert "No model is registered yet" in page_text
    page = press(page, "Register as challenger")
    assert "Registered as version 1 of teacher_quality" in texts(page)
    page = press(page, "Promote to champion")
    assert ModelRegistry(home).champion("teacher_quality").run_id == trained.run_id
    assert table(page, "Alias")["Alias"].tolist() == ["champion"]
    page.text_input(key=f"scoring.{trained.run_id}.teacher_id").set_value("nobody")
    page = press(page, "Predict")
    assert not page.exception
    predicted = {label.replace("\\", ""): value for label, value in figures(page).items()}
    assert float(predicted["Expected rating (stars)"]) == pytest.approx(trained.result.model.mean_, abs=0.01)
    assert "teacher_id: 'nobody' was not in the training data" in texts(page)
    assert any(section.key == "scoring.template" for section in page.get("download_button"))
    store = ModelRegistry(home).runs
    rows = template(store, trained.run_id)
    assert (list(rows), len(rows)) == (list(store.signature(trained.run_id)), 20)
    assert len(predict_rows(store, trained.run_id, rows)) == 20


def test_a_run_is_registered_from_compare_after_the_same_checks(trained, home, open_page, monkeypatch):
    monkeypatch.setenv("EDTECH_EXPERIMENT", "models")
    page = open_page("compare")
    page.toggle(key="compare.registering").set_value(True).run()
    assert page.selectbox(key="compare.registered").value == trained.run_id
    assert "No failed check in the diagnostics card" in texts(page)
    page = press(page, "Register as champion")
    assert not page.exception
    assert "Registered as version 1 of teacher_quality, now the champion" in texts(page)
    assert ModelRegistry(home).champion("teacher_quality").run_id == trained.run_id


def test_a_failed_check_reads_the_same_on_both_pages(full, open_page):
    checks = []
    for name, key in (("compare", "compare.register"), ("models", "models.register")):
        page = open_page(name)
        run_id = full.runs[full.unknown.id]["fixed_effects"]
        if name == "compare":
            page.multiselect(key="compare.runs").set_value([run_id]).run()
            page.toggle(key="compare.registering").set_value(True).run()
        else:
            page.selectbox(key="models.run").set_value(run_id).run()
        checks.append(
            [item.value for item in page.markdown if "No leak" in item.value or "Better decisions" in item.value]
        )
        assert page.button(key=f"{key}.challenger")
    assert checks[0] == checks[1] != []


def test_a_run_is_described_tagged_deleted_and_restored(page, trained, home):
    name = "<b>Bold</b> ![](https://evil.example/x.png)"
    page.text_input(key=f"models.name.{trained.run_id}").set_value(name)
    page.text_area(key=f"models.note.{trained.run_id}").set_value("# Look here")
    page = press(page, "Save name and note")
    page.text_input(key="models.tag.name").set_value("owner")
    page.text_input(key="models.tag.value").set_value("pricing")
    page = press(page, "Save tag")
    run = ModelRegistry(home).runs.get_run(trained.run_id)
    assert (run.name, run.tags["owner"]) == (name, "pricing")
    assert not any("![](" in text for text in markdown(page))
    page.text_input(key="models.tag.name").set_value("dataset_digest")
    page = press(page, "Save tag")
    assert "This tag cannot be changed" in texts(page)
    page = press(page, "Delete run")
    assert "There is no finished training in this experiment yet" in texts(page)
    page = press(page, "Restore")
    assert trained.run_id in texts(page)


def test_a_run_is_trained_again_as_a_job(page, trained, home):
    page = press(page, "Rerun training")
    assert not page.exception
    assert "Trained again. The metrics are equal." in texts(page)
    runs = ModelRegistry(home).runs.list_runs(["models"])
    assert runs["tags.rerun_of"].dropna().tolist() == [trained.run_id]


def test_the_link_to_a_run_on_a_server_carries_no_password():
    server = Settings(mlflow_tracking_uri="http://me:secret@tracking.example:5000/")
    assert address_of("abc", server) == "http://tracking.example:5000/#/runs/abc"
    assert address_of("abc", Settings(mlflow_tracking_uri=None)) is None


@pytest.mark.parametrize("name", ["models", "compare"])
def test_pending_runs_are_reported_and_sent_on_request(home, open_page, monkeypatch, nobody, name):
    EdTechMLFlowTracker("waiting", nobody, home).log(RunItems("made offline"))
    assert "pending for the server" not in texts(open_page(name))
    monkeypatch.setenv("EDTECH_MLFLOW_TRACKING_URI", nobody)
    page = open_page(name)
    assert "1 finished run is pending for the server" in texts(page)
    page = press(page, "Send now")
    assert not page.exception
    assert "Send runs to the server: failed" in texts(page)
    assert "does not answer" in texts(page)


def test_every_kind_of_file_can_be_shown(page, trained):
    paths = page.selectbox(key="models.file").options
    assert {path.rpartition(".")[2] for path in paths} >= {"png", "csv", "json", "txt"}
    for extension in ("png", "csv", "json", "txt"):
        page.selectbox(key="models.file").set_value(next(path for path in paths if path.endswith(extension))).run()
        assert not page.exception
        assert "cannot be shown here" not in texts(page)


def test_a_note_is_shown_as_text_without_its_escapes_and_table():
    assert note_text("It is 0\\.5 \\(RMSE\\)\\.\n\n| metric | value |\n|---|---|\n") == "It is 0.5 (RMSE)."
    assert note_text("C:\\temp ![](https://evil.example/x.png)") == "C:\\temp ![](https://evil.example/x.png)"
