"""A saved scenario as values of the widgets that it came from."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from edtech.data import Dataset
from edtech.pricing import Response
from edtech.pricing.price_changes import ALL, SEGMENT, UNIT, PriceChange
from edtech.pricing.questions import Scenario
from edtech.ui.pricing.price_inputs import LIST, MAX_SLIDERS, widget_key

MAX_PERCENT, MAX_SELECTED = 50, 200
WidgetValues = dict[tuple[str, ...], Any]


def widget_values(scenario: Scenario, dataset: Dataset, response: Response, attributes: pd.DataFrame) -> dict[str, Any]:
    """Return the values of the what-if's widgets, by their keys.

    A change that no slider can show becomes a list of prices. Raises PricingError if the data set lacks a named unit.
    """
    inputs = None if scenario.prices is not None else _on_sliders(scenario.changes, attributes)
    if inputs is None:
        prices = scenario.new_prices(response, attributes).tolist()
        inputs = {("scope",): LIST, ("listed",): (True, dict(zip(map(str, response.units), prices, strict=True)))}
    rates = {(name,): round(100 * rate) for name, rate in scenario.planned_split.model_dump().items()}
    return {widget_key(dataset, *parts): value for parts, value in (inputs | rates).items()}


def _on_sliders(changes: Sequence[PriceChange], attributes: pd.DataFrame) -> WidgetValues | None:
    """Return the widget values that express these changes, or None if no widgets can."""
    scope = changes[0].attribute if changes else SEGMENT
    if any(item.attribute != scope or _exceeds_slider(item) for item in changes):
        return None
    names = [] if scope == ALL else [str(name) for name in attributes[scope].unique()]
    if scope == SEGMENT or (scope not in (ALL, UNIT) and len(names) <= MAX_SLIDERS):
        return _separate_sliders(scope, names, changes)
    return _one_amount(scope, changes[0]) if len(changes) == 1 else None


def _exceeds_slider(change: PriceChange) -> bool:
    """Tell whether a slider of whole percents cannot show the change."""
    percents = 100 * change.amount
    return change.mode == "percent" and (abs(percents - round(percents)) > 1e-6 or abs(percents) > MAX_PERCENT)


def _separate_sliders(scope: str, names: Sequence[str], changes: Sequence[PriceChange]) -> WidgetValues | None:
    moved = [(name, round(100 * item.amount)) for item in changes for name in item.names]
    if len(dict(moved)) < len(moved) or any(item.mode != "percent" for item in changes):
        return None
    segments: WidgetValues = {("segments",): list(dict(moved))} if len(names) > MAX_SLIDERS and moved else {}
    sliders = dict.fromkeys(names, 0) | dict(moved)
    return {("scope",): scope, **segments, **{("change", scope, name): value for name, value in sliders.items()}}


def _one_amount(scope: str, change: PriceChange) -> WidgetValues | None:
    if len(change.names) > MAX_SELECTED:
        return None
    parts: tuple[str, ...] = ("percent", scope) if change.mode == "percent" else ("tokens", change.mode, scope)
    amount = round(100 * change.amount) if change.mode == "percent" else change.amount
    picked: WidgetValues = {} if scope == ALL else {("picked", scope): list(change.names)}
    return {("scope",): scope, **picked, ("how", scope): change.mode, parts: amount}
