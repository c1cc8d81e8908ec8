"""Settings of the pipeline: flags win over the environment, the environment over the file, and all are shown."""

import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.errors import SettingsError
from edtech.pipeline.config import PipelineConfig, read_config


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pipeline.toml"
    path.write_text('learners = 100\ncourses = 30\nseed = 5\nalgorithms = ["linear"]\n[market]\nseason = 0.1\n')
    return path


def test_later_sources_win(file, monkeypatch):
    monkeypatch.setenv("EDTECH_PIPELINE_COURSES", "40")
    monkeypatch.setenv("EDTECH_PIPELINE_FAMILIES", "token_elasticity, churn_prediction")
    found = read_config(file, {"seed": 6, "weeks": None})
    assert (found.config.learners, found.config.courses, found.config.seed) == (100, 40, 6)
    assert found.config.weeks == PipelineConfig.model_fields["weeks"].default
    assert found.config.families == ("token_elasticity", "churn_prediction")
    assert found.config.algorithms == ("linear",)
    assert found.config.market == {"season": 0.1}
    where = {name: found.sources[name] for name in ("learners", "courses", "seed", "weeks")}
    assert where == {"learners": "file", "courses": "environment", "seed": "flag", "weeks": "default"}


def test_knobs_of_the_market_are_merged_one_by_one(file):
    found = read_config(file, {"market": {"growth": 0.2}})
    assert found.config.market == {"season": 0.1, "growth": 0.2}
    assert found.sources["market"] == "file and flag"
    assert read_config(file, {"market": {"season": 0.3}}).config.market == {"season": 0.3}


@pytest.mark.parametrize(
    "flag", [["--learners", "5"], ["--set", "season=0.1"], ["--no-mlflow"], ["--config", "x.toml"]]
)
def test_a_pipeline_that_goes_on_takes_no_settings(flag, tmp_path):
    with pytest.raises(SettingsError, match=f"Found: {flag[0]}."):
        CliRunner().invoke(app, ["pipeline", "--resume", *flag, "--out", str(tmp_path)], catch_exceptions=False)


def test_every_setting_is_shown_with_its_source(file):
    shown = CliRunner().invoke(app, ["pipeline", "--config", str(file), "--seed", "9", "--show-config"])
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert [line.split(" = ")[0] for line in lines] == list(PipelineConfig.model_fields)
    assert "seed = 9  # flag" in lines
    assert "learners = 100  # file" in lines


@pytest.mark.parametrize("text", ["learners = ", "learners = 'many'\nlerners = 3", "[[market]]"])
def test_a_file_that_cannot_be_used_is_told_in_words(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert caught.value.fix


def test_a_variable_that_cannot_be_used_is_told_in_words(monkeypatch):
    monkeypatch.setenv("EDTECH_PIPELINE_MARKET", "season=0.1")
    with pytest.raises(SettingsError, match="JSON such as"):
        read_config()


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "many"), ("EXPERIMENT", ""), ("UPLOAD_LIMIT_MB", "0")])
def test_a_setting_that_cannot_be_used_is_told_in_words(monkeypatch, name, value):
    monkeypatch.setenv(f"EDTECH_{name}", value)
    with pytest.raises(SettingsError, match=f"- EDTECH_{name}: .* found {value!r}"):
        CliRunner().invoke(app, ["data", "list"], catch_exceptions=False)


def test_a_missing_file_is_told_in_words(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_config(tmp_path / "none.toml")
