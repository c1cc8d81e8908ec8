"""Part of the Pricing page: a saved what-if put back on the questions that it answers."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from edtech.data import Dataset
from edtech.pricing import Response
from edtech.pricing.price_changes import ALL, SEGMENT, UNIT, PriceChange
from edtech.pricing.scenarios import Scenario
from edtech.ui.pricing.price_inputs import LIST, MOST_SLIDERS, key

MOST_PERCENT, MOST_PICKED = 50, 200
Answers = dict[tuple[str, ...], Any]


def answers(scenario: Scenario, dataset: Dataset, response: Response, known: pd.DataFrame) -> dict[str, Any]:
    """Return what the questions are to be answered, by their keys.

    What no slider can say is asked as a list of prices. Raises PricingError where the data set lacks what is asked of.
    """
    found = None if scenario.prices is not None else _on_sliders(scenario.changes, known)
    if found is None:
        prices = scenario.asked(response, known).tolist()
        found = {("scope",): LIST, ("listed",): (True, dict(zip(map(str, response.units), prices, strict=True)))}
    rates = {(name,): round(100 * rate) for name, rate in scenario.planned_split.model_dump().items()}
    return {key(dataset, *parts): value for parts, value in (found | rates).items()}


def _on_sliders(changes: Sequence[PriceChange], known: pd.DataFrame) -> Answers | None:
    """Return the answers that ask for these changes, None where there are none."""
    scope = changes[0].scope if changes else SEGMENT
    if any(one.scope != scope or _beyond(one) for one in changes):
        return None
    names = [] if scope == ALL else [str(name) for name in known[scope].unique()]
    if scope == SEGMENT or (scope not in (ALL, UNIT) and len(names) <= MOST_SLIDERS):
        return _each(scope, names, changes)
    return _together(scope, changes[0]) if len(changes) == 1 else None


def _beyond(change: PriceChange) -> bool:
    """Whether a slider, of whole percents, cannot show the change."""
    percents = 100 * change.amount
    return change.how == "percent" and (abs(percents - round(percents)) > 1e-6 or abs(percents) > MOST_PERCENT)


def _each(scope: str, names: Sequence[str], changes: Sequence[PriceChange]) -> Answers | None:
    moved = [(name, round(100 * one.amount)) for one in changes for name in one.names]
    if len(dict(moved)) < len(moved) or any(one.how != "percent" for one in changes):
        return None
    shown: Answers = {("segments",): list(dict(moved))} if len(names) > MOST_SLIDERS and moved else {}
    sliders = dict.fromkeys(names, 0) | dict(moved)
    return {("scope",): scope, **shown, **{("change", scope, name): value for name, value in sliders.items()}}


def _together(scope: str, change: PriceChange) -> Answers | None:
    if len(change.names) > MOST_PICKED:
        return None
    parts: tuple[str, ...] = ("percent", scope) if change.how == "percent" else ("tokens", change.how, scope)
    amount = round(100 * change.amount) if change.how == "percent" else change.amount
    picked: Answers = {} if scope == ALL else {("picked", scope): list(change.names)}
    return {("scope",): scope, **picked, ("how", scope): change.how, parts: amount}
