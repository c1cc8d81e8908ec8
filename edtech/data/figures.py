"""Every figure of a data set by its name, as the numbers behind it."""

from dataclasses import asdict

import pandas as pd

from edtech.data import explore
from edtech.data.store import Dataset
from edtech.errors import DataError
from edtech.tables.roles import LabelRoles, RatingRoles, VisitRoles

FIGURES = ("distribution", "by-unit", "by-period", "season", "retention", "flows", "outcome", "likeness")


def figure_frame(dataset: Dataset, figure: str, *, table: str | None = None, column: str | None = None) -> pd.DataFrame:
    """Return the numbers behind a figure out of `FIGURES`; `table` and `column` are for those that ask for one.

    Raises:
        DataError: there is no such figure, table or column, or the data set is of another kind.
    """
    column = column or dataset.mapping.columns()[0]
    match figure:
        case "distribution":
            return explore.distribution(dataset, table or dataset.main_table, column)
        case "by-unit":
            return explore.price_demand(dataset)
        case "by-period":
            return dataset.by_period()
        case "season":
            return explore.seasonality(dataset)
        case "retention":
            return explore.cohort_retention(dataset)
        case "flows":
            return explore.token_flows(dataset)
        case "outcome":
            return explore.mean_by(dataset, outcome_column(dataset), column)
        case "likeness":
            from edtech.market.realism import likeness  # reads the truth, which no other figure needs

            return pd.DataFrame([asdict(likeness(dataset.market()))])
    raise DataError("There is no such figure", expected=", ".join(FIGURES), found=repr(figure)[:80])


def outcome_column(dataset: Dataset) -> str:
    """Return the column that tells what happened: the label, the choice, the rating, or the quantity."""
    match dataset.mapping:
        case LabelRoles() as roles:
            return roles.label
        case VisitRoles() as roles:
            return roles.chosen
        case RatingRoles() as roles:
            return roles.rating
    return dataset.roles.quantity
