"""Every error a user can meet, in one tree.

    EdtechError
    ├── SettingsError             a setting or an address cannot be used
    ├── DataError                 a file, table or data set cannot be used
    │   ├── UploadError           the file cannot be read as a table
    │   ├── ContractError         the table breaks its contract; all failures are listed
    │   └── DatasetNotFoundError  no data set of that name or digest
    ├── ModelError                a training cannot give a result
    │   ├── NotIdentifiedError    the data cannot tell a price effect (one price only, too few rows, ...)
    │   ├── ParamsError           an algorithm or hyperparameter that does not exist or is out of range
    │   └── ConvergenceError      the estimator did not settle
    ├── PricingError              a what-if or recommendation cannot be asked like this
    ├── TrackingError             the MLflow store cannot be used
    │   ├── RunNotFoundError      no run of that id
    │   ├── RegistryError         a model cannot be registered or promoted like this
    │   └── UntrustedModelError   a stored model holds types that are not on our list
    ├── ReportError               a report cannot be built
    ├── PipelineError             a stage of the pipeline failed; the message names it
    ├── JobError                  a background job ended without a result
    └── JobCancelledError         the user cancelled; nothing was stored

A message says what was expected, what was found, where, and what to do about it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class EdtechError(Exception):
    """Base of everything this project raises on purpose.

    `str(error)` is the whole message in one line; the parts stay readable on their own for the error panel.
    """

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        where: str | None = None,
        fix: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        self.problem = problem
        self.expected = expected
        self.found = found
        self.where = where
        self.fix = fix
        self.details = tuple(details)
        super().__init__(problem)

    def __str__(self) -> str:
        parts = [self.problem.rstrip(".") + "."]
        labelled = [("Expected", self.expected), ("Found", self.found), ("Where", self.where), ("What to do", self.fix)]
        parts += [f"{label}: {text.rstrip('.')}." for label, text in labelled if text]
        parts += [f"- {line}" for line in self.details]
        return " ".join(parts)


class SettingsError(EdtechError):
    """A setting or an address cannot be used."""


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
    """There is no data set of that name or digest."""


class ModelError(EdtechError):
    """A training cannot give a result."""


class NotIdentifiedError(ModelError):
    """The data cannot tell a price effect."""


class ParamsError(ModelError):
    """An algorithm or hyperparameter does not exist or is out of range."""


class ConvergenceError(ModelError):
    """The estimator did not settle."""


class PricingError(EdtechError):
    """A what-if or recommendation cannot be asked like this."""


class TrackingError(EdtechError):
    """The MLflow store cannot be used."""


class RunNotFoundError(TrackingError):
    """There is no run of that id."""


class RegistryError(TrackingError):
    """A model cannot be registered, promoted or rolled back like this."""


class UntrustedModelError(TrackingError):
    """A stored model holds types that are not on our list, so it is not loaded."""


class ReportError(EdtechError):
    """A report cannot be built."""


class PipelineError(EdtechError):
    """A stage of the pipeline failed."""


class JobError(EdtechError):
    """A background job ended without a result."""


class JobCancelledError(EdtechError):
    """The user cancelled; nothing was stored."""
