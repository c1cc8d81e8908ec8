"""Load a stored model only if every type in its file is trusted.

The trusted types are constants of the installed code: those of the model families (`edtech.ml.stored_types`), those
that skops itself trusts, and scikit-learn's compiled trees. A model's own MLmodel file names types to trust too; that
list is as untrusted as the file and is never read.
"""

import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edtech.errors import UntrustedModelError
from edtech.plugins import provided

COMPILED_TREES = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""Types of scikit-learn that skops does not trust by itself because they are compiled."""

# What a broken or forged file raises inside zipfile, json, numpy and skops is not documented: fuzzing found these.
# RuntimeError stands for encrypted, unsupported and endlessly nested content.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ImportError),
    *(LookupError, ValueError, TypeError, AttributeError, ArithmeticError),
)

MAX_UNPACKED_BYTES = 2 * 1024**3
SCHEMA = "schema.json"
"""The entry of a skops file that names the types."""


def trusted_types() -> list[str]:
    """Return the full names of the types that a stored model may hold, beside those that skops trusts; sorted."""
    return sorted({*map(_full_name, provided("stored_types")().values()), *COMPILED_TREES})


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@contextmanager
def _as_skops(where: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as exc:
        raise UntrustedModelError(
            "The stored model cannot be read",
            expected="a skops file written with the installed versions of scikit-learn and this project",
            actual=f"{type(exc).__name__}: {str(exc)[:200]}",
            where=where,
            fix="Train the model again",
        ) from exc


def _with_current_names(data: bytes) -> bytes:
    """Return a skops file in which types of ours that have moved have their current names.

    Only names change, and only from one name of a trusted type to another. Raises ValueError above 2 GiB unpacked.
    """
    types = provided("stored_types")()
    moved = {name: kind for name, kind in types.items() if name != _full_name(kind)}

    def rename(node: dict[str, Any]) -> dict[str, Any]:
        kind = moved.get(f"{node.get('__module__')}.{node.get('__class__')}")
        return node if kind is None else node | {"__module__": kind.__module__, "__class__": kind.__qualname__}

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise ValueError(f"unpacks to {unpacked / 1e9:.1f} GB, more than {MAX_UNPACKED_BYTES / 1e9:.1f}")
        schema = archive.read(SCHEMA).decode("utf-8")
        if not any(f'"{name.rpartition(".")[0]}"' in schema for name in moved):
            return data
        renamed = json.dumps(json.loads(schema, object_hook=rename))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as current:
            for entry in archive.infolist():
                current.writestr(entry, renamed if entry.filename == SCHEMA else archive.read(entry))
    return buffer.getvalue()


def untrusted_types(data: bytes, where: str = "a model file") -> list[str]:
    """Return the types in a skops file that are not trusted, sorted; nothing in the file is executed.

    Raises UntrustedModelError if the bytes are not a skops file or unpack to more than 2 GiB.
    """
    from skops.io import get_untrusted_types

    with _as_skops(where):
        current = _with_current_names(data)
        return sorted(set(get_untrusted_types(data=current)) - set(trusted_types()))


def refuse_untrusted_types(data: bytes, where: str) -> None:
    """Raise UntrustedModelError naming the types in a skops file that are not trusted."""
    if untrusted := untrusted_types(data, where):
        raise UntrustedModelError(
            "The model holds types that are not on our list",
            expected="scikit-learn's own and " + ", ".join(trusted_types()),
            actual=", ".join(untrusted[:5]) + (f" and {len(untrusted) - 5} more" if len(untrusted) > 5 else ""),
            where=where,
            fix="Train the model again here; load it elsewhere only if you know who wrote it",
        )


def load_trusted(data: bytes, where: str) -> Any:  # noqa: ANN401  # any scikit-learn style estimator
    """Return the estimator in a skops file, after every type in the file has passed the list.

    Raises UntrustedModelError naming the others; nothing in the file is executed before.
    """
    from skops.io import loads

    with _as_skops(where):
        data = _with_current_names(data)
    refuse_untrusted_types(data, where)
    with _as_skops(where):
        return loads(data, trusted=trusted_types())
