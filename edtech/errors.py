"""All errors that a user can meet, in one tree.

    EdtechError
    ├── SettingsError             a setting or an address is invalid
    ├── DataError                 a file, table or data set cannot be used
    │   ├── UploadError           the file cannot be read as a table
    │   ├── ContractError         the table breaks its contract; the message lists all failures
    │   └── DatasetNotFoundError  no data set has that id
    ├── ModelError                a model cannot be trained
    │   ├── NotIdentifiedError    the price effect is not identified (a single price, too few rows, ...)
    │   ├── ParamsError           an algorithm or parameter does not exist or is out of range
    │   └── ConvergenceError      the estimator did not converge
    ├── PricingError              the inputs of a what-if or a recommendation are invalid
    ├── TrackingError             the MLflow store cannot be used
    │   ├── RunNotFoundError      no run has that id
    │   ├── RegistryError         a model cannot be registered, promoted or rolled back
    │   └── UntrustedModelError   a stored model holds types that are not trusted
    ├── ReportError               a report cannot be written or read
    ├── PipelineError             a stage of the pipeline failed
    ├── JobError                  a background job failed
    └── JobCancelledError         the user cancelled; nothing was stored

A message says what happened, what was expected and found, where, and what to do.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class EdtechError(Exception):
    """Base class of the project's errors.

    `str(error)` is the complete message in one line. The attributes are its parts, which pages show separately.
    """

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        actual: str | None = None,
        where: str | None = None,
        fix: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        self.problem = problem
        self.expected = expected
        self.actual = actual
        self.where = where
        self.fix = fix
        self.details = tuple(details)
        super().__init__(problem)

    def __str__(self) -> str:
        parts = [self.problem.rstrip(".") + "."]
        labelled = [
            ("Expected", self.expected),
            ("Found", self.actual),
            ("Where", self.where),
            ("What to do", self.fix),
        ]
        parts += [f"{label}: {text.rstrip('.')}." for label, text in labelled if text]
        parts += [f"- {line}" for line in self.details]
        return " ".join(parts)


class SettingsError(EdtechError):
    """A setting or an address is invalid."""


class DataError(EdtechError):
    """A file, table or data set cannot be used."""


class UploadError(DataError):
    """The file cannot be read as a table."""


class ContractError(DataError):
    """The table breaks its contract; `details` lists every failure, bounded.

    `failures` is None or a frame of the rows that fail: row, column, value, problem.
    """

    failures: "pd.DataFrame | None" = None


class DatasetNotFoundError(DataError):
    """No data set has that id."""


class ModelError(EdtechError):
    """A model cannot be trained."""


class NotIdentifiedError(ModelError):
    """The price effect is not identified."""


class ParamsError(ModelError):
    """An algorithm or parameter does not exist or is out of range."""


class ConvergenceError(ModelError):
    """The estimator did not converge."""


class PricingError(EdtechError):
    """The inputs of a what-if or a recommendation are invalid."""


class TrackingError(EdtechError):
    """The MLflow store cannot be used."""


class RunNotFoundError(TrackingError):
    """No run has that id."""


class RegistryError(TrackingError):
    """A model cannot be registered, promoted or rolled back."""


class UntrustedModelError(TrackingError):
    """A stored model holds types that are not trusted, so it is not loaded."""


class ReportError(EdtechError):
    """A report cannot be written or read."""


class PipelineError(EdtechError):
    """A stage of the pipeline failed."""


class JobError(EdtechError):
    """A background job failed."""


class JobCancelledError(EdtechError):
    """The user cancelled; nothing was stored."""
