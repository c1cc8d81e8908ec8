"""Check a demand panel before training: data quality, and whether price elasticity can be estimated."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import FEW_ROWS, Check, Severity, grade
from edtech.tables.formatting import format_names, pluralize
from edtech.tables.roles import PanelRoles
from edtech.tables.values import MAX_CATEGORIES, to_number

# Limits of PASS. A price effect is estimated from price changes. Rules of thumb: below these sizes, noise dominates in
# a typical panel (some thousand rows, a few sales each).
FEW_PRICES = 5
MOVING_UNITS = 0.2
MOVING_SD = 0.02
RANDOMIZED_SHARE = 0.05
FEW_SALES = 1.0
MANY_ZEROS = 0.5
MANY_GAPS = 0.05
OUTLIER_FACTOR = 10.0
FEW_ROWS_PER_SEGMENT = 50


def check_panel(panel: pd.DataFrame, roles: PanelRoles) -> tuple[Check, ...]:
    """Return the checks of a demand panel; the last, `learnable`, states whether price elasticity can be estimated.

    `panel` has the columns of `roles`, as `build_panel` returns them or as uploaded.
    """
    typed = panel.assign(**{name: to_number(panel[name]) for name in (roles.price, roles.quantity)})
    return tuple(check for run in _CHECKS if (check := run(typed, roles)) is not None)


def _missing_values(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    missing = panel[list(roles.columns())].isna().sum()
    worst = ", ".join(f"{name!r}: {number:,}" for name, number in missing[missing > 0].nlargest(5).items())
    return grade(
        "missing_values",
        "Missing values",
        fail=bool(worst),
        evidence=f"Missing values by column: {worst}." if worst else f"No missing value in {len(panel):,} rows.",
        fix="Fill in or remove these rows, or do not use the column.",
    )


def _duplicates(panel: pd.DataFrame, roles: PanelRoles) -> Check | None:
    if roles.unit is None or roles.period is None:
        return None
    rows = int(panel.duplicated([roles.unit, roles.period], keep=False).sum())
    return grade(
        "duplicates",
        "Duplicate rows",
        fail=rows > 0,
        evidence=f"{rows:,} of {len(panel):,} rows repeat a unit and period.",
        fix="Sum them, or combine columns (such as city and product) into the unit.",
    )


def _period_gaps(panel: pd.DataFrame, roles: PanelRoles) -> Check | None:
    if roles.unit is None or roles.period is None:
        return None
    codes = pd.Series(pd.factorize(panel[roles.period], sort=True)[0])
    spans = codes.groupby(panel[roles.unit].to_numpy()).agg(["min", "max", "size"])
    expected = int((spans["max"] - spans["min"] + 1).sum())
    gaps = 1 - len(panel) / expected if expected else 0.0
    absent = _absent_periods(panel[roles.period])
    return grade(
        "period_gaps",
        "Gaps in time",
        review=gaps > MANY_GAPS or absent > 0,
        evidence=f"{codes.nunique():,} periods, {absent:,} missing between them; {max(gaps, 0.0):.1%} of the rows "
        "between each unit's first and last period are missing.",
        fix="Add a row with quantity 0 for each period in which a unit was offered but not sold.",
    )


def _absent_periods(periods: pd.Series) -> int:
    """Return the number of periods missing between the first and the last, at the median step."""
    steps = pd.Series(np.sort(periods.dropna().unique())).diff().dropna()
    if steps.empty:
        return 0
    return int((steps / steps.median()).round().sub(1).clip(lower=0).sum())


def _price_levels(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    levels = panel[roles.price].nunique()
    return grade(
        "price_levels",
        "Price levels",
        fail=levels < 2,
        review=levels < FEW_PRICES,
        evidence=f"{pluralize(levels, 'different price')}, from {panel[roles.price].min():,.6g} to "
        f"{panel[roles.price].max():,.6g}.",
        fix="Vary the price up and down; a single price identifies no effect.",
    )


def _repeated_units(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    rows_by_unit = panel[roles.unit].value_counts() if roles.unit is not None else pd.Series(dtype="int64")
    share = float((rows_by_unit > 1).mean()) if len(rows_by_unit) else 0.0
    return grade(
        "repeated_units",
        "Repeated units",
        review=share < 0.5,
        evidence=f"{share:.0%} of {len(rows_by_unit):,} units occur in more than one row."
        if roles.unit is not None
        else "No column is mapped to the unit, so each row is a separate offer.",
        fix="Map a unit and a period if available; otherwise only covariates control for confounding.",
    )


def _price_changes(panel: pd.DataFrame, roles: PanelRoles) -> Check | None:
    if not _has_repeated_units(panel, roles):
        return None
    moving, spread = _within_unit(panel, roles)
    return grade(
        "price_changes",
        "Price changes within units",
        fail=moving == 0,
        review=moving < MOVING_UNITS or spread < MOVING_SD,
        evidence=f"{moving:.0%} of the units have more than one price; prices typically differ {spread:.1%} from "
        "the mean of their unit.",
        fix="Change more prices, by larger amounts: differences between units confound price with quality.",
    )


def _price_outliers(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    price = panel[roles.price]
    usual = price.groupby(panel[roles.unit]).transform("median") if roles.unit is not None else price.median()
    ratio = price / usual
    rows = int(((ratio > OUTLIER_FACTOR) | (ratio < 1 / OUTLIER_FACTOR)).sum())
    return grade(
        "price_outliers",
        "Price outliers",
        review=rows > 0,
        evidence=f"{rows:,} of {len(panel):,} prices are more than {OUTLIER_FACTOR:.0f} times above or below the "
        f"median of the {'unit' if roles.unit is not None else 'panel'}.",
        fix="Check for wrong currency units and typing errors.",
    )


def _quantity_outliers(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    quantity = panel[roles.quantity]
    by = quantity.groupby(panel[roles.unit]) if roles.unit is not None else None
    usual = quantity.median() if by is None else by.transform("median")
    high = usual + 10 * np.sqrt(usual + quantity.mean())
    rows = int((quantity > OUTLIER_FACTOR * high).sum())
    return grade(
        "quantity_outliers",
        "Quantity outliers",
        review=rows > 0,
        evidence=f"{rows:,} of {len(panel):,} quantities exceed {OUTLIER_FACTOR:.0f} times the range that chance "
        f"explains around the median of the {'unit' if roles.unit is not None else 'panel'}.",
        fix="Check for typing errors, rows with totals, and bulk orders.",
    )


def _identities(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    broken = {}
    if roles.views is not None:
        broken["quantity above views"] = int((panel[roles.quantity] > to_number(panel[roles.views])).sum())
    if {"list_price", "discount_pct"} <= set(panel.columns):
        exact = to_number(panel["list_price"]) * (1 - to_number(panel["discount_pct"]))
        off = (panel[roles.price] - exact).abs() > 0.01 * exact.abs() + 0.01
        broken["price differs from list price minus discount"] = int(off.sum())
    wrong = ", ".join(f"{text}: {number:,}" for text, number in broken.items() if number)
    return grade(
        "row_identities",
        "Consistency of columns",
        fail=broken.get("quantity above views", 0) > 0,
        review=bool(wrong),
        evidence=f"Inconsistent rows: {wrong}."
        if wrong
        else f"{pluralize(len(broken), 'relation')} between columns checked; no error.",
        fix="Find out which column is correct.",
    )


def _categories(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    rows = panel[roles.segment].value_counts() if roles.segment is not None else pd.Series([len(panel)])
    text = [name for name in roles.controls if not pd.api.types.is_numeric_dtype(panel[name])]
    many = [name for name in text if panel[name].nunique() > MAX_CATEGORIES]
    thin = int((rows < FEW_ROWS_PER_SEGMENT).sum()) if len(rows) > 1 else 0
    return grade(
        "categories",
        "Rows per category",
        review=len(rows) > MAX_CATEGORIES or thin > 0 or bool(many),
        evidence=f"{len(rows):,} segments, {thin:,} of them with fewer than {FEW_ROWS_PER_SEGMENT} rows"
        + (f"; covariates with more than {MAX_CATEGORIES} values: {format_names(many)}." if many else "."),
        fix="Group rare categories: each has its own slope, which few rows cannot estimate.",
    )


def _leakage(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    used = {*roles.controls, *roles.instruments}
    excluded = set(roles.columns()) - used
    quantity = panel[roles.quantity]
    suspects = []
    for name in [str(column) for column in panel.columns if column not in excluded]:
        association = max(leakage.predictive_power(panel[name], of) for of in (quantity, quantity * panel[roles.price]))
        by_name = name not in roles.instruments and leakage.made_of_outcome(name)  # "demand_instrument" is none
        if association >= leakage.SUSPECT or by_name:
            suspects.append(name)
    return grade(
        "leakage",
        "Target leakage",
        fail=bool(used & set(suspects)),
        review=bool(suspects),
        evidence=f"Columns derived from quantity or revenue, by their values or names: {format_names(suspects)}."
        if suspects
        else "No other column is derived from quantity or revenue.",
        fix="Do not use these as covariates or instruments: they are known only after the sale.",
    )


def _randomized_prices(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    share, levels = _randomized(panel, roles)
    flagged = roles.randomized_flag is not None or roles.randomized_discount is not None
    return grade(
        "randomized_prices",
        "Randomized prices",
        review=not _well_randomized(panel, roles),
        evidence=f"{share:.1%} of the rows have a randomized price, with {levels:,} different values."
        if flagged
        else "No column flags randomized prices or discounts.",
        fix="Randomize a small discount, including 0, on some units and flag these rows: this identifies the effect.",
    )


def _sales(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    quantity = panel[roles.quantity]
    mean = float(quantity.mean())
    shares = bool(((quantity % 1) != 0).mean() > 0.5)
    return grade(
        "sales",
        "Sales per row",
        review=mean < FEW_SALES and not shares,
        evidence=f"Quantity: mean {mean:,.3g}, median {quantity.median():,.3g}, total {quantity.sum():,.6g}"
        + (" (fractions: shares or rates)." if shares else "."),
        fix="Use longer periods, or exclude units with few sales.",
    )


def _zeros(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    share = float((panel[roles.quantity] == 0).mean())
    return grade(
        "zeros",
        "Zero sales",
        review=share > MANY_ZEROS,
        fail=share == 1,
        evidence=f"{share:.0%} of the rows have no sales.",
        fix="Use longer periods, or exclude units with few sales.",
    )


def _views(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    title = "Views"
    if roles.views is None:
        return Check("views", title, Severity.PASS, "No column is mapped to views; demand is modeled without them.")
    views = to_number(panel[roles.views])
    unviewed = float((views == 0).mean())
    rate = panel[roles.quantity].sum() / views.sum() if views.sum() > 0 else 0.0
    return grade(
        "views",
        title,
        review=unviewed > MANY_ZEROS,
        fail=unviewed == 1,
        evidence=f"{rate:.2%} of the views led to a sale; {unviewed:.0%} of the rows have no views.",
        fix="Exclude rows of offers that were not visible, or do not use views.",
    )


def _prices_set(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    identified = roles.prices_set != "unknown" or bool(roles.instruments) or _well_randomized(panel, roles)
    statements = {
        "unknown": "Unknown. Only randomized prices or instruments identify the effect then.",
        "schedule": "Stated by the user: prices followed a schedule, independent of demand.",
        "experiment": "Stated by the user: prices were randomized in an experiment.",
    }
    return grade(
        "prices_set",
        "How prices were set",
        review=not identified,
        evidence=statements[roles.prices_set],
        fix="State how prices were set: if prices followed demand, the estimate is confounded.",
    )


def _learnable(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    strategies = {
        "randomized": _well_randomized(panel, roles),
        "experiment": roles.prices_set == "experiment",
        "instrument": bool(roles.instruments),
        "schedule": roles.prices_set == "schedule" and _prices_move(panel, roles),
        "within_unit": _prices_move(panel, roles),
        "controls": bool(roles.controls),
    }
    strategy = next((name for name, available in strategies.items() if available), "none")
    one_price, no_sales = panel[roles.price].nunique() < 2, not (panel[roles.quantity] > 0).any()
    if one_price or no_sales:
        strategy = "one_price" if one_price else "no_sales"
    return grade(
        "learnable",
        "Can price elasticity be estimated?",
        fail=strategy in ("one_price", "no_sales", "none"),
        review=strategy in ("within_unit", "controls") or len(panel) < FEW_ROWS,
        evidence=_VERDICTS[strategy]
        + (f" The table has only {pluralize(len(panel), 'row')}." if len(panel) < FEW_ROWS else ""),
        fix="Randomize a discount for some units in some periods, including 0, and flag these rows; or state how "
        "prices were set.",
    )


_VERDICTS = {
    "randomized": "Yes: some prices are randomized.",
    "experiment": "Yes, if prices were randomized as stated.",
    "instrument": "Yes, if the instruments are strong (training tests this) and affect demand only through the price.",
    "schedule": "Yes, from price changes within units, if they were independent of demand as stated.",
    "within_unit": "Only if prices did not follow demand, which is not stated: prices change within units. "
    "You get an estimate but no recommended prices.",
    "controls": "Only if the covariates account for all confounding between price and demand. "
    "You get an estimate but no recommended prices.",
    "none": "No: prices neither change within units nor are randomized, and there are no covariates.",
    "one_price": "No: every row has the same price.",
    "no_sales": "No: nothing was sold.",
}


# ---- helpers


def _has_repeated_units(panel: pd.DataFrame, roles: PanelRoles) -> bool:
    return roles.unit is not None and bool(panel.duplicated(roles.unit).any())


def _within_unit(panel: pd.DataFrame, roles: PanelRoles) -> tuple[float, float]:
    """Return the share of repeated units with several prices, and the SD of log price around the unit's mean."""
    log_price = pd.Series(np.log(panel[roles.price].where(panel[roles.price] > 0)))
    by_unit = log_price.groupby(panel[roles.unit])
    levels = by_unit.nunique()[by_unit.size() > 1]
    spread = float((log_price - by_unit.transform("mean")).std())
    return float((levels > 1).mean()) if len(levels) else 0.0, spread if np.isfinite(spread) else 0.0


def _prices_move(panel: pd.DataFrame, roles: PanelRoles) -> bool:
    return _has_repeated_units(panel, roles) and _within_unit(panel, roles)[0] > 0


def _randomized(panel: pd.DataFrame, roles: PanelRoles) -> tuple[float, int]:
    """Return the share of rows with a randomized price and the number of its values."""
    if roles.randomized_flag is None and roles.randomized_discount is None:
        return 0.0, 0
    flagged = panel[roles.randomized_flag].astype(bool) if roles.randomized_flag is not None else panel.index >= 0
    randomized = panel.loc[flagged, roles.randomized_discount or roles.price]
    return float(np.mean(flagged)), int(randomized.nunique())


def _well_randomized(panel: pd.DataFrame, roles: PanelRoles) -> bool:
    share, levels = _randomized(panel, roles)
    return share >= RANDOMIZED_SHARE and levels > 1


_CHECKS: tuple[Callable[[pd.DataFrame, PanelRoles], Check | None], ...] = (
    _missing_values,
    _duplicates,
    _period_gaps,
    _price_levels,
    _price_outliers,
    _quantity_outliers,
    _identities,
    _categories,
    _leakage,
    _repeated_units,
    _price_changes,
    _randomized_prices,
    _prices_set,
    _sales,
    _zeros,
    _views,
    _learnable,
)
