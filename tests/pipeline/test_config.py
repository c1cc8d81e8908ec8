"""Pipeline configuration: flags override the environment, the environment overrides the file, and all are printed."""

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


def test_later_sources_override_earlier_sources(file, monkeypatch):
    monkeypatch.setenv("EDTECH_PIPELINE_COURSES", "40")
    monkeypatch.setenv("EDTECH_PIPELINE_FAMILIES", "token_elasticity, churn_prediction")
    resolved = read_config(file, {"seed": 6, "weeks": None})
    assert (resolved.config.learners, resolved.config.courses, resolved.config.seed) == (100, 40, 6)
    assert resolved.config.weeks == PipelineConfig.model_fields["weeks"].default
    assert resolved.config.families == ("token_elasticity", "churn_prediction")
    assert resolved.config.algorithms == ("linear",)
    assert resolved.config.market == {"season": 0.1}
    sources = {name: resolved.sources[name] for name in ("learners", "courses", "seed", "weeks")}
    assert sources == {"learners": "file", "courses": "environment", "seed": "flag", "weeks": "default"}


def test_market_parameters_are_merged_one_by_one(file):
    resolved = read_config(file, {"market": {"growth": 0.2}})
    assert resolved.config.market == {"season": 0.1, "growth": 0.2}
    assert resolved.sources["market"] == "file and flag"
    assert read_config(file, {"market": {"season": 0.3}}).config.market == {"season": 0.3}


@pytest.mark.parametrize(
    "flag", [["--learners", "5"], ["--set", "season=0.1"], ["--no-mlflow"], ["--config", "x.toml"]]
)
def test_resume_takes_no_settings(flag, tmp_path):
    with pytest.raises(SettingsError, match=f"Found: {flag[0]}."):
        CliRunner().invoke(app, ["pipeline", "--resume", *flag, "--out", str(tmp_path)], catch_exceptions=False)


def test_show_config_prints_every_setting_with_its_source(file):
    result = CliRunner().invoke(app, ["pipeline", "--config", str(file), "--seed", "9", "--show-config"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split(" = ")[0] for line in lines] == list(PipelineConfig.model_fields)
    assert "seed = 9  # flag" in lines
    assert "learners = 100  # file" in lines


@pytest.mark.parametrize("text", ["learners = ", "learners = 'many'\nlerners = 3", "[[market]]"])
def test_an_invalid_file_gives_a_readable_error(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert caught.value.fix


def test_an_invalid_variable_gives_a_readable_error(monkeypatch):
    monkeypatch.setenv("EDTECH_PIPELINE_MARKET", "season=0.1")
    with pytest.raises(SettingsError, match="JSON such as"):
        read_config()


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "many"), ("EXPERIMENT", ""), ("UPLOAD_LIMIT_MB", "0")])
def test_an_invalid_setting_gives_a_readable_error(monkeypatch, name, value):
    monkeypatch.setenv(f"EDTECH_{name}", value)
    with pytest.raises(SettingsError, match=f"- EDTECH_{name}: .* found {value!r}"):
        CliRunner().invoke(app, ["data", "list"], catch_exceptions=False)


def test_a_missing_file_gives_a_readable_error(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_config(tmp_path / "none.toml")
