"""The classes that stored models hold, by full name."""

from edtech.former_modules import FORMER_MODULES
from edtech.ml.families import FAMILIES


def stored_types() -> dict[str, type]:
    """Return full name -> class of everything that a model of a registered family may hold.

    A class in a module that has moved has its former full name too, so that models stored before the move load.
    """
    families = FAMILIES.values()
    classes = dict.fromkeys(kind for family in families for kind in (*family.estimators, *family.stored_types))
    former: dict[str, list[str]] = {}
    for name, current in FORMER_MODULES.items():
        former.setdefault(current, []).append(name)
    return {
        f"{module}.{kind.__qualname__}": kind
        for kind in classes
        for module in (kind.__module__, *former.get(kind.__module__, ()))
    }
