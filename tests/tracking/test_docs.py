"""The examples in docs/mlflow-setup.md run unchanged, and it names existing files and commands."""

import re

import pytest

from edtech.settings import PROJECT
from edtech.tracking import RunStore

TEXT = (PROJECT / "docs" / "mlflow-setup.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_examples_run_one_after_another(home, empty_database, blocks, clean_process, capsys):
    home.mlruns_dir.mkdir(parents=True)
    (home.mlruns_dir / "mlflow.db").write_bytes(empty_database.read_bytes())
    names: dict[str, object] = {}
    assert len(blocks) == 7
    for block in blocks:
        exec(compile(block, "docs/mlflow-setup.md", "exec"), names)  # noqa: S102
    assert len(names["predicted"]) == 5
    assert names["path"] == home.mlruns_dir / "experiment_summary.json"
    assert "rmse" in capsys.readouterr().out
    kinds = RunStore(settings=home).list_runs(kind=None)["kind"]
    assert kinds.value_counts().to_dict() == {"training": 5, "group": 1}
    artifacts = set(RunStore(settings=home).get_run(names["run_ids"][0]).artifacts)
    named = set(
        re.findall(r"[a-z_]+\.(?:png|csv|txt|py|json)", TEXT.partition("| file |")[2].partition("Models are")[0])
    )
    assert {f"evaluation/{name}" for name in named - {"result.json"}} <= artifacts


def test_the_documented_commands_exist():
    from typer.main import get_command

    from edtech.cli import app

    named = set(re.findall(r"-m edtech ([a-z]+)", TEXT))
    assert {"doctor", "sync", "rerun", "export", "runs", "pipeline", "models"} == named
    assert named <= set(get_command(app).commands)
