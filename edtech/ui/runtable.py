"""What pages take from a table of runs."""

import pandas as pd


def of_dataset(runs: pd.DataFrame, digest: str) -> pd.DataFrame:
    """Return the runs that are about the data set of that digest."""
    return runs[runs.reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"] == digest]


def run_labels(runs: pd.DataFrame) -> dict[str, str]:
    """Return a name to choose each run by, in the order of the table."""
    return {
        run_id: f"{name} ({started:%d %b %H:%M:%S})"
        for run_id, name, started in zip(runs["run_id"], runs["name"], runs["started"], strict=True)
    }
