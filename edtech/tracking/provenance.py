"""Tags that name the code which wrote a run, read without a subprocess."""

import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import edtech
from edtech.settings import PROJECT


def git_commit(project: Path = PROJECT) -> str | None:
    """Return the commit that is checked out in a folder; None if it is not a git checkout, or is a worktree."""
    git = project / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        if (git / ref).is_file():
            return (git / ref).read_text(encoding="utf-8").strip()
        packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), None)


PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "pandas", "scipy", "pyfixest", "pydantic")
"""The packages that a stored model needs, and on which the digits of a repeated training depend."""


@lru_cache(maxsize=1)
def pinned_requirements() -> list[str]:
    """Return these packages, pinned to the installed versions."""
    return [f"{name}=={version(name)}" for name in PACKAGES]


def code_tags() -> dict[str, str]:
    """Return tags with the versions of this project, Python and the packages and, in a checkout, the commit."""
    commit = git_commit()
    return {
        "edtech.version": edtech.__version__,
        "edtech.python": platform.python_version(),
        "edtech.packages": " ".join(pinned_requirements()),
        "mlflow.source.name": "edtech",
        "mlflow.source.type": "LOCAL",
        **({"mlflow.source.git.commit": commit} if commit else {}),
    }
