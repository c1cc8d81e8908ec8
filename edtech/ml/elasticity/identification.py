"""How the price effect is identified, and under which condition.

Identification depends on how prices were set, which the data cannot show. It follows from what the user states and from
flags in the data, never from the estimate.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.ml.elasticity.fitting.inference import STRONG_F, FirstStage, first_stage, residualize
from edtech.ml.elasticity.panel import PanelArrays
from edtech.ml.elasticity.result import IdentificationKind
from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles

_MIN_WITHIN_SD = 1e-3
"""A standard deviation of log prices within units below a tenth of a percent is rounding, not variation."""


@dataclass(frozen=True, slots=True)
class Identification:
    """How the price effect is identified; `condition` completes "This is valid if ...".

    `instruments` (n, m) are not demeaned; None if `first_stage` is None.
    """

    kind: IdentificationKind
    condition: str
    first_stage: FirstStage | None
    first_stage_f: float | None
    notes: tuple[str, ...]
    instruments: Floats | None = None


def identify(panel: pd.DataFrame, arrays: PanelArrays, roles: PanelRoles) -> Identification:
    """Return the strongest identification that the data and the user's statements support.

    `panel` holds the same rows as `arrays`. Instruments and randomized discounts with an effective first-stage F below
    10 are not used; a note says so.
    """
    log_price = np.log(arrays.price)
    notes: list[str] = []
    strongest: float | None = None
    if roles.prices_set == "experiment":
        return Identification("randomized", "prices were randomized, as you state", None, None, ())
    for kind, columns, exogenous, condition in _instrument_candidates(panel, roles):
        randomized = exogenous[:, 0] == 1 if exogenous.shape[1] else np.ones(len(panel), dtype=bool)
        stage = first_stage(log_price, columns, exogenous, arrays.controls, arrays.effects, arrays.cluster, randomized)
        if stage is not None and stage.strong:
            return Identification(kind, condition, stage, stage.effective_f, tuple(notes), columns)
        strength = 0.0 if stage is None else stage.effective_f
        strongest = max(strength, strongest or 0.0)
        name = "randomized discount is" if kind == "randomized" else "instruments are"
        notes.append(f"The {name} too weak to be used: effective first-stage F {strength:.1f}, {STRONG_F:g} is needed.")
    kind, condition = _identify_without_instrument(log_price, arrays, roles)
    return Identification(kind, condition, None, strongest, tuple(notes))


def _identify_without_instrument(
    log_price: Floats, arrays: PanelArrays, roles: PanelRoles
) -> tuple[IdentificationKind, str]:
    if arrays.repeated:
        within = residualize(log_price[:, None], arrays.effects, np.ones_like(log_price))
        if within.std() > _MIN_WITHIN_SD:
            stated = roles.prices_set == "schedule"
            return "within_unit", (
                "prices were not set in response to demand, as you state" if stated else "prices do not follow demand"
            )
    if roles.controls:
        return "controls", "prices do not follow demand, given the covariates"
    return (
        "none",
        "units with different prices would sell equally at equal prices, which nothing in these data supports",
    )


def _instrument_candidates(
    panel: pd.DataFrame, roles: PanelRoles
) -> list[tuple[IdentificationKind, Floats, Floats, str]]:
    """Return candidates, strongest first: kind, instruments (n, m), exogenous columns (n, k), condition."""
    candidates: list[tuple[IdentificationKind, Floats, Floats, str]] = []
    no_columns = np.empty((len(panel), 0))
    if roles.randomized_discount is not None:
        discount = panel[roles.randomized_discount].to_numpy(dtype=float)
        flag = np.ones(len(panel)) if roles.randomized_flag is None else panel[roles.randomized_flag].to_numpy(float)
        # Which rows were randomized may follow demand, so the flag is a control. If no other row has a discount, the
        # flag marks the rows that won a discount, and controlling for it would discard the randomization.
        flag_is_control = bool((discount[flag == 0] != 0).any()) or bool((discount[flag == 1] == 0).any())
        exogenous = flag[:, None] if flag_is_control and flag.min() < flag.max() else no_columns
        condition = "the discounts marked as randomized were assigned independently of demand"
        candidates.append(("randomized", np.log1p(-discount * flag)[:, None], exogenous, condition))
    if roles.instruments:
        columns = panel[list(roles.instruments)].to_numpy(dtype=float)
        columns = (columns - columns.mean(axis=0)) / np.where(columns.std(axis=0) > 0, columns.std(axis=0), 1)
        condition = "the instruments affect demand only through the price"
        candidates.append(("instrument", columns, no_columns, condition))
    return candidates
