"""Health of a demand panel before training: is it whole, and can an elasticity be learned from it?"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import FEW_ROWS, Check, Severity, grade
from edtech.tables.formatting import format_names, pluralize
from edtech.tables.roles import PanelRoles
from edtech.tables.values import MAX_CATEGORIES, to_number

# Where PASS ends. A price effect is read from price changes; these are the sizes below which, by rule of thumb, the
# noise of a usual panel (some thousand rows, a few sales each) drowns them.
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
    """Return the findings on a demand panel; the last, `learnable`, says whether an elasticity can be learned.

    `panel` has the columns of `roles`, as `build_panel` returns them or as they were read.
    """
    typed = panel.assign(**{name: to_number(panel[name]) for name in (roles.price, roles.quantity)})
    return tuple(check for each in _CHECKS if (check := each(typed, roles)) is not None)


def _missing_values(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    missing = panel[list(roles.columns())].isna().sum()
    worst = ", ".join(f"{name!r}: {number:,}" for name, number in missing[missing > 0].nlargest(5).items())
    return grade(
        "missing_values",
        "Missing values",
        fail=bool(worst),
        evidence=f"Missing cells by column: {worst}." if worst else f"No cell of {len(panel):,} rows is missing.",
        fix="Fill or leave out these rows, or do without the column.",
    )


def _duplicates(panel: pd.DataFrame, roles: PanelRoles) -> Check | None:
    if roles.unit is None or roles.period is None:
        return None
    rows = int(panel.duplicated([roles.unit, roles.period], keep=False).sum())
    return grade(
        "duplicates",
        "One row for each unit and period",
        fail=rows > 0,
        evidence=f"{rows:,} of {len(panel):,} rows share their unit and period with another.",
        fix="Add them up, or combine columns (such as city and product) into the unit.",
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
        "No gaps in time",
        review=gaps > MANY_GAPS or absent > 0,
        evidence=f"{codes.nunique():,} periods, {absent:,} between them are absent; of the rows between each unit's "
        f"first and last period {max(gaps, 0.0):.1%} are absent.",
        fix="Add periods without sales with quantity 0 where the unit was on offer.",
    )


def _absent_periods(periods: pd.Series) -> int:
    """Return how many steps of the usual length are skipped between the first period and the last."""
    steps = pd.Series(np.sort(periods.dropna().unique())).diff().dropna()
    if steps.empty:
        return 0
    return int((steps / steps.median()).round().sub(1).clip(lower=0).sum())


def _price_levels(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    levels = panel[roles.price].nunique()
    return grade(
        "price_levels",
        "Several prices were tried",
        fail=levels < 2,
        review=levels < FEW_PRICES,
        evidence=f"{levels:,} different price{'s' * (levels != 1)}, from {panel[roles.price].min():,.6g} to "
        f"{panel[roles.price].max():,.6g}.",
        fix="Try other prices, in both directions; from one price no effect can be learned.",
    )


def _repeated_units(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    seen = panel[roles.unit].value_counts() if roles.unit is not None else pd.Series(dtype="int64")
    share = float((seen > 1).mean()) if len(seen) else 0.0
    return grade(
        "repeated_units",
        "Units are seen again at other times",
        review=share < 0.5,
        evidence=f"{share:.0%} of {len(seen):,} units occur more than once."
        if roles.unit is not None
        else "There is no column for the unit, so every row is an offer of its own and no unit is repeated.",
        fix="Map a unit and a period if there are any; else only covariates stand between price and other causes.",
    )


def _price_changes(panel: pd.DataFrame, roles: PanelRoles) -> Check | None:
    if not _has_repeated_units(panel, roles):
        return None
    moving, spread = _within_unit(panel, roles)
    return grade(
        "price_changes",
        "Prices change within units",
        fail=moving == 0,
        review=moving < MOVING_UNITS or spread < MOVING_SD,
        evidence=f"{moving:.0%} of the units had more than one price; a price typically lies {spread:.1%} from its "
        "unit's mean.",
        fix="Change prices of more units, and by more: differences between units alone mix price with quality.",
    )


def _price_outliers(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    price = panel[roles.price]
    usual = price.groupby(panel[roles.unit]).transform("median") if roles.unit is not None else price.median()
    ratio = price / usual
    rows = int(((ratio > OUTLIER_FACTOR) | (ratio < 1 / OUTLIER_FACTOR)).sum())
    return grade(
        "price_outliers",
        "No prices out of all proportion",
        review=rows > 0,
        evidence=f"{rows:,} of {len(panel):,} prices are more than {OUTLIER_FACTOR:.0f} times above or below the "
        f"median of their {'unit' if roles.unit is not None else 'panel'}.",
        fix="Look for wrong units of currency and typing errors.",
    )


def _quantity_outliers(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    quantity = panel[roles.quantity]
    by = quantity.groupby(panel[roles.unit]) if roles.unit is not None else None
    usual = quantity.median() if by is None else by.transform("median")
    high = usual + 10 * np.sqrt(usual + quantity.mean())
    rows = int((quantity > OUTLIER_FACTOR * high).sum())
    return grade(
        "quantity_outliers",
        "No quantities out of all proportion",
        review=rows > 0,
        evidence=f"{rows:,} of {len(panel):,} quantities are more than {OUTLIER_FACTOR:.0f} times the most that chance "
        f"makes of the median of their {'unit' if roles.unit is not None else 'panel'}.",
        fix="Look for typing errors, totals among the rows, and orders in bulk.",
    )


def _identities(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    broken = {}
    if roles.views is not None:
        broken["more sold than seen"] = int((panel[roles.quantity] > to_number(panel[roles.views])).sum())
    if {"list_price", "discount_pct"} <= set(panel.columns):
        exact = to_number(panel["list_price"]) * (1 - to_number(panel["discount_pct"]))
        off = (panel[roles.price] - exact).abs() > 0.01 * exact.abs() + 0.01
        broken["price other than list price less discount"] = int(off.sum())
    wrong = ", ".join(f"{text}: {number:,}" for text, number in broken.items() if number)
    return grade(
        "row_identities",
        "Columns agree with each other",
        fail=broken.get("more sold than seen", 0) > 0,
        review=bool(wrong),
        evidence=f"Rows with {wrong}." if wrong else f"{len(broken)} identities between columns, each holds.",
        fix="Find out which of the columns is right.",
    )


def _categories(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    rows = panel[roles.segment].value_counts() if roles.segment is not None else pd.Series([len(panel)])
    text = [name for name in roles.controls if not pd.api.types.is_numeric_dtype(panel[name])]
    many = [name for name in text if panel[name].nunique() > MAX_CATEGORIES]
    thin = int((rows < FEW_ROWS_PER_SEGMENT).sum()) if len(rows) > 1 else 0
    return grade(
        "categories",
        "Few categories, each with many rows",
        review=len(rows) > MAX_CATEGORIES or thin > 0 or bool(many),
        evidence=f"{len(rows):,} segments, {thin:,} of them with fewer than {FEW_ROWS_PER_SEGMENT} rows"
        + (f"; covariates with more than {MAX_CATEGORIES} values: {format_names(many)}." if many else "."),
        fix="Group rare categories: each gets its own slope, which few rows cannot tell.",
    )


def _leakage(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    used = {*roles.controls, *roles.instruments}
    known = set(roles.columns()) - used
    quantity = panel[roles.quantity]
    suspects = []
    for name in [str(column) for column in panel.columns if column not in known]:
        told = max(leakage.tells(panel[name], of) for of in (quantity, quantity * panel[roles.price]))
        by_name = name not in roles.instruments and leakage.made_of_outcome(name)  # "demand_instrument" is none
        if told >= leakage.SUSPECT or by_name:
            suspects.append(name)
    return grade(
        "leakage",
        "No column gives the quantity away",
        fail=bool(used & set(suspects)),
        review=bool(suspects),
        evidence=f"Columns made of quantity or revenue, by their values or names: {format_names(suspects)}."
        if suspects
        else "No column but those of the roles follows quantity or revenue.",
        fix="Never use these as covariates or instruments: they are known only after the sale.",
    )


def _randomized_prices(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    share, levels = _randomized(panel, roles)
    told = roles.randomized_flag is not None or roles.randomized_discount is not None
    return grade(
        "randomized_prices",
        "Some prices were drawn at random",
        review=not _well_randomized(panel, roles),
        evidence=f"{share:.1%} of the rows had a price drawn at random, with {levels:,} different values."
        if told
        else "No column says which prices or discounts were drawn at random.",
        fix="A small randomized discount on some units, zero included and flagged in the data, tells most.",
    )


def _sales(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    quantity = panel[roles.quantity]
    mean = float(quantity.mean())
    shares = bool(((quantity % 1) != 0).mean() > 0.5)
    return grade(
        "sales",
        "Enough sales for each unit and period",
        review=mean < FEW_SALES and not shares,
        evidence=f"{mean:,.3g} on average, {quantity.median():,.3g} at the median, {quantity.sum():,.6g} in all"
        + (" (not whole numbers: shares or rates)." if shares else "."),
        fix="Use longer periods, or leave out units that hardly sell.",
    )


def _zeros(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    share = float((panel[roles.quantity] == 0).mean())
    return grade(
        "zeros",
        "Few rows without sales",
        review=share > MANY_ZEROS,
        fail=share == 1,
        evidence=f"{share:.0%} of the rows sold nothing.",
        fix="Use longer periods, or leave out units that hardly sell.",
    )


def _views(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    title = "How often offers were seen"
    if roles.views is None:
        return Check("views", title, Severity.PASS, "No views are given; demand is then modeled without them.")
    views = to_number(panel[roles.views])
    unseen = float((views == 0).mean())
    rate = panel[roles.quantity].sum() / views.sum() if views.sum() > 0 else 0.0
    return grade(
        "views",
        title,
        review=unseen > MANY_ZEROS,
        fail=unseen == 1,
        evidence=f"{rate:.2%} of the views led to a sale; {unseen:.0%} of the rows were never seen.",
        fix="Leave out rows that nobody could see, or do without views.",
    )


def _prices_set(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    sound = roles.prices_set != "unknown" or bool(roles.instruments) or _well_randomized(panel, roles)
    said = {
        "unknown": "Nothing was said about how prices were set; only randomized prices or instruments make up for it.",
        "schedule": "Prices followed a schedule, not demand (as stated by the user).",
        "experiment": "Prices were drawn at random in an experiment (as stated by the user).",
    }
    return grade(
        "prices_set",
        "How prices were set is known",
        review=not sound,
        evidence=said[roles.prices_set],
        fix="State it if you know it: where prices followed demand, an estimate mixes the two.",
    )


def _learnable(panel: pd.DataFrame, roles: PanelRoles) -> Check:
    ways = {
        "randomized": _well_randomized(panel, roles),
        "experiment": roles.prices_set == "experiment",
        "instrument": bool(roles.instruments),
        "schedule": roles.prices_set == "schedule" and _prices_move(panel, roles),
        "within_unit": _prices_move(panel, roles),
        "controls": bool(roles.controls),
    }
    way = next((name for name, open_ in ways.items() if open_), "none")
    one_price, nothing_sold = panel[roles.price].nunique() < 2, not (panel[roles.quantity] > 0).any()
    if one_price or nothing_sold:
        way = "one_price" if one_price else "no_sales"
    return grade(
        "learnable",
        "Can an elasticity be learned here?",
        fail=way in ("one_price", "no_sales", "none"),
        review=way in ("within_unit", "controls") or len(panel) < FEW_ROWS,
        evidence=_VERDICTS[way]
        + (f" The table has only {pluralize(len(panel), 'row')}." if len(panel) < FEW_ROWS else ""),
        fix="Draw a discount at random for some units in some periods, zero included, and flag these rows; or say how "
        "prices were set, if you know it.",
    )


_VERDICTS = {
    "randomized": "Yes: part of the prices was drawn at random.",
    "experiment": "Yes, if prices were drawn at random as stated.",
    "instrument": "Yes, if the instruments move the price strongly (the training measures it) and demand only by it.",
    "schedule": "Yes, from price changes within units, if they did not answer to demand as stated.",
    "within_unit": "Only on a condition: prices change within units, but nothing says that they did not follow demand. "
    "There is an estimate, and no recommendation.",
    "controls": "Only on a condition: nothing but the covariates stands between price and other causes of demand. "
    "There is an estimate, and no recommendation.",
    "none": "No: prices neither change within units nor were drawn at random, and there are no covariates.",
    "one_price": "No: every row has the same price.",
    "no_sales": "No: nothing was sold.",
}


# ---- measures


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
    """Return the share of rows whose price was drawn at random and how many values the draw took."""
    if roles.randomized_flag is None and roles.randomized_discount is None:
        return 0.0, 0
    flagged = panel[roles.randomized_flag].astype(bool) if roles.randomized_flag is not None else panel.index >= 0
    drawn = panel.loc[flagged, roles.randomized_discount or roles.price]
    return float(np.mean(flagged)), int(drawn.nunique())


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
