"""Columns that give the outcome away: made of it, or known only after it.

Kaufman, Rosset and Perlich (2012), "Leakage in Data Mining", ACM TKDD 6(4): a feature is legitimate only if it was
known at the moment of the prediction. The values tell columns that are a function of the outcome; for the rest there
are only names, so these are suspects.
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


def words(name: str) -> str:
    """Return a column's name as lower-case words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name[:200])
    spaced = re.sub(r"[^0-9a-z]+", " ", spaced.lower()).strip()
    return " ".join(_ORDINALS.get(word, word) for word in spaced.split())


def made_of_outcome(name: str) -> bool:
    """Tell whether a name speaks of quantity or revenue, such as actual_enrollments or demand_intensity."""
    return bool(_MADE_OF_OUTCOME.search(words(name)))


def after_outcome(name: str) -> bool:
    """Tell whether a name speaks of what is learned only with the outcome, such as churn reason or final result."""
    return bool(_AFTER_OUTCOME.search(words(name))) or made_of_outcome(name)


def step(text: str) -> tuple[str, int] | None:
    """Return the numbered step of time in a text: "Curricular units 2nd sem (grade)" -> ("sem", 2)."""
    found = _STEP.search(words(text))
    if found is None or _PAST.search(words(text)):
        return None
    number, unit = (found[1], found[2]) if found[1] else (found[4], found[3])
    return (unit, int(number)) if len(number) <= 3 and int(number) <= MOST_STEPS else None


def later_than(names: list[str], as_of: str) -> tuple[list[str], bool]:
    """Return the columns whose names speak of a time after `as_of`, and whether that moment was understood.

    At the start (enrollment, admission, ...) every numbered semester, week and so on is later; at the end of a numbered
    one, those of the same kind with a higher number.
    """
    steps = {name: found for name in names if (found := step(name)) is not None}
    now = step(as_of)
    if now is not None:
        return [name for name, (unit, number) in steps.items() if unit == now[0] and number > now[1]], True
    at_start = bool(_START.search(words(as_of)))
    return (list(steps) if at_start else []), at_start


def tells(column: pd.Series, outcome: pd.Series) -> float:
    """Return how far a column alone tells the outcome, from 0 to 1.

    `outcome` is bool, or a number. Of a bool: 2 |AUC - 1/2| for numbers, the gain over the commoner outcome for text; a
    column that is there only with one outcome tells by being there. Of a number: |Spearman's correlation|.
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
    here = _separation(to_number(column[present]), outcome[present]) if numeric else _purity(column[present], outcome)
    return max(here * float(present.mean()), _separation(present.astype(float), outcome))


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
    """Return the gain in accuracy from knowing the value; values seen once tell nothing."""
    counts = outcome[values.index].astype(int).groupby(values.astype("str")).agg(["sum", "size"])
    often = counts[counts["size"] > 1]
    rows, yes = int(often["size"].sum()), int(often["sum"].sum())
    chance = max(yes, rows - yes)
    if rows <= len(values) / 2 or chance == rows:
        return 0.0
    right = int(np.maximum(often["sum"], often["size"] - often["sum"]).sum())
    return (right - chance) / (rows - chance) * rows / len(values)
