"""Find target leakage: columns derived from the outcome, or known only after it.

Kaufman, Rosset and Perlich (2012), "Leakage in Data Mining", ACM TKDD 6(4): a feature is legitimate only if it was
known at the time of the prediction. Values reveal columns that are a function of the outcome. Other columns can be
suspected only by their names.
"""

import re

import numpy as np
import pandas as pd

from edtech.tables.values import to_number

SURE = 0.999
SUSPECT = 0.98
SAMPLE = 50_000
MOST_STEPS = 100  # "year 2024" is a date, not the 2024th year

_MADE_OF_OUTCOME = re.compile(
    r"\bactual|\brevenue|\bdemand|\bsales\b|\bsold\b|\bearnings|\bprofit|\boutcome|\bpredicted|\bturnover|\bgmv\b"
)
_AFTER_OUTCOME = re.compile(
    r"\bfinal\b|\bunregist|\bderegist|\bwithdraw|\bcancel|\brefund|\bchurn|\bleft (at|on)\b|\bexit\b|"
    r"\bcomplet(ed|ion) (at|on|date)|\bdropout|\breason\b|\bresult\b|\bcertificate (issued|earned)"
)
_PAST = re.compile(r"\b(last|previous|past|prior|before|since)\b")
_ORDINALS = {"first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6"}
_UNITS = "sem|term|trimester|quarter|year|month|week|day|module|exam|assessment"
_STEP = re.compile(rf"\b(\d+)(?:st|nd|rd|th)? ?({_UNITS})|\b({_UNITS})[a-z]* ?(\d+)\b")
_START = re.compile(r"enrol|admission|admitted|appl|regist|sign|join|start|begin|purchase|visit|view")


def spaced_name(name: str) -> str:
    """Return the name of a column in lower case, split at capitals and punctuation, with ordinals as digits."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name[:200])
    spaced = re.sub(r"[^0-9a-z]+", " ", spaced.lower()).strip()
    return " ".join(_ORDINALS.get(word, word) for word in spaced.split())


def made_of_outcome(name: str) -> bool:
    """Return whether a name refers to quantity or revenue, such as actual_enrollments or demand_intensity."""
    return bool(_MADE_OF_OUTCOME.search(spaced_name(name)))


def after_outcome(name: str) -> bool:
    """Return whether a name refers to information known only with the outcome, such as churn reason or final result."""
    return bool(_AFTER_OUTCOME.search(spaced_name(name))) or made_of_outcome(name)


def time_step(text: str) -> tuple[str, int] | None:
    """Return the numbered time step in a text: "Curricular units 2nd sem (grade)" -> ("sem", 2)."""
    match = _STEP.search(spaced_name(text))
    if match is None or _PAST.search(spaced_name(text)):
        return None
    number, unit = (match[1], match[2]) if match[1] else (match[4], match[3])
    return (unit, int(number)) if len(number) <= 3 and int(number) <= MOST_STEPS else None


def columns_later_than(names: list[str], as_of: str) -> tuple[list[str], bool]:
    """Return the columns whose names refer to a time after `as_of`, and whether `as_of` was understood.

    After the start (enrollment, admission, ...) every numbered semester, week and so on is later; after a numbered
    step, those of the same kind with a higher number.
    """
    steps = {name: numbered for name in names if (numbered := time_step(name)) is not None}
    now = time_step(as_of)
    if now is not None:
        return [name for name, (unit, number) in steps.items() if unit == now[0] and number > now[1]], True
    at_start = bool(_START.search(spaced_name(as_of)))
    return (list(steps) if at_start else []), at_start


def predictive_power(column: pd.Series, outcome: pd.Series) -> float:
    """Return how well a column alone predicts the outcome, from 0 to 1.

    For a bool outcome: 2 |AUC - 1/2| for numbers, the gain in accuracy over the majority class for text; missing values
    count as information. For a numeric outcome: |Spearman's correlation|.
    """
    if len(column) > SAMPLE:
        rows = np.linspace(0, len(column) - 1, SAMPLE).astype(int)
        column, outcome = column.iloc[rows], outcome.iloc[rows]
    column, outcome = column.reset_index(drop=True), outcome.reset_index(drop=True)
    if outcome.nunique() < 2:
        return 0.0
    numeric = pd.api.types.is_numeric_dtype(column) and column.dtype != bool
    if outcome.dtype != bool:
        return _rank_correlation(column, outcome) if numeric else 0.0
    present = column.notna()
    by_value = (
        _separation(to_number(column[present]), outcome[present]) if numeric else _purity(column[present], outcome)
    )
    return max(by_value * float(present.mean()), _separation(present.astype(float), outcome))


def _rank_correlation(column: pd.Series, outcome: pd.Series) -> float:
    both = column.notna() & outcome.notna()
    ranks = [to_number(values[both]).rank() for values in (column, outcome)]
    if any(rank.nunique() < 3 for rank in ranks):
        return 0.0
    return abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1]))


def _separation(values: pd.Series, outcome: pd.Series) -> float:
    yes = int(outcome.sum())
    no = len(outcome) - yes
    if yes == 0 or no == 0:
        return 0.0
    auc = (values.rank()[outcome].sum() - yes * (yes + 1) / 2) / (yes * no)
    return abs(2 * float(auc) - 1)


def _purity(values: pd.Series, outcome: pd.Series) -> float:
    """Return the gain in accuracy from the value; values that occur once are excluded."""
    counts = outcome[values.index].astype(int).groupby(values.astype("str")).agg(["sum", "size"])
    often = counts[counts["size"] > 1]
    rows, yes = int(often["size"].sum()), int(often["sum"].sum())
    chance = max(yes, rows - yes)
    if rows <= len(values) / 2 or chance == rows:
        return 0.0
    right = int(np.maximum(often["sum"], often["size"] - often["sum"]).sum())
    return (right - chance) / (rows - chance) * rows / len(values)
