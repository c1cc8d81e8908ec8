"""The definition of each figure of the token economy: title, unit, one sentence, and the tables it needs."""

from dataclasses import dataclass

from edtech.economy.line_items import LINE_ITEMS
from edtech.economy.period import LEDGER


@dataclass(frozen=True, slots=True)
class FigureDefinition:
    """A figure's group on the page, title, unit, one sentence, and the line items of the ledger that it is made of.

    `tables`: the tables that a data set must have; none if the demand panel is enough.
    """

    group: str
    title: str
    unit: str
    help: str
    tables: tuple[str, ...] = (LEDGER,)
    line_items: tuple[str, ...] = ()


SUPPLY, FLOWS, DEBTS, PEOPLE, PRICES = "Supply", "Sources and sinks", "Revenue and liabilities", "Learners", "Prices"
MAIN_FIGURES = ("spent", "circulating_supply", "take_rate", "sink_source", "payout_cover", "active_learners")
"""The most important figures."""
GROUPS = (SUPPLY, FLOWS, DEBTS, PEOPLE, PRICES)
SHARE, MONEY = "share", "100 cents"
_T = "tokens"
_CENTS = f"1.00 is {MONEY}. The ledger names no currency."
_VIEWS = (LEDGER, "views")

ECONOMY: dict[str, FigureDefinition] = {
    "circulating_supply": FigureDefinition(
        SUPPLY, "Circulating supply", _T, "Tokens held by learners and teachers at the end of the range."
    ),
    "treasury": FigureDefinition(SUPPLY, "Treasury", _T, "Tokens held by the platform at the end of the range."),
    "velocity": FigureDefinition(
        SUPPLY,
        "Velocity",
        "times",
        "Tokens spent in the range divided by the mean circulating supply of its days.",
        line_items=("spent", "circulating_supply"),
    ),
    "gini": FigureDefinition(
        SUPPLY,
        "Gini of balances",
        "0 to 1",
        "Inequality of learners' balances at the end of the range: 0 if all are equal, 1 if one learner holds all.",
        line_items=("learner_balance",),
    ),
    "top_1": FigureDefinition(
        SUPPLY,
        "Held by the top 1%",
        SHARE,
        "Share of learners' tokens held by the 1% with the largest balances.",
        line_items=("learner_balance",),
    ),
    "top_10": FigureDefinition(
        SUPPLY,
        "Held by the top 10%",
        SHARE,
        "Share of learners' tokens held by the 10% with the largest balances.",
        line_items=("learner_balance",),
    ),
    "issued": FigureDefinition(FLOWS, "Issued", _T, "Tokens minted in the range for purchases, bonuses and refunds."),
    "minted_purchase": FigureDefinition(FLOWS, "Minted for purchases", _T, "Tokens that learners bought."),
    "minted_bonus": FigureDefinition(FLOWS, "Minted for bonuses", _T, "Tokens given to learners."),
    "minted_refund": FigureDefinition(
        FLOWS, "Minted for refunds", _T, "Burned shares of refunded prices, minted again."
    ),
    "burned": FigureDefinition(FLOWS, "Burned", _T, "Shares of prices paid that leave circulation for good."),
    "expired": FigureDefinition(FLOWS, "Expired", _T, "Learners' balances that expired."),
    "paid_out": FigureDefinition(
        FLOWS, "Paid out", _T, "Tokens that teachers exchanged for money. They leave circulation."
    ),
    "sink_source": FigureDefinition(
        FLOWS,
        "Sink/source ratio",
        "ratio",
        "Tokens paid out, burned or expired divided by tokens issued in the range. Below 1, the supply grows.",
        line_items=("taken_out", "issued"),
    ),
    "spent": FigureDefinition(DEBTS, "Token revenue", _T, "Tokens spent on courses, before refunds."),
    "refunded": FigureDefinition(DEBTS, "Refunded", _T, "Tokens returned to learners."),
    "teacher_earnings": FigureDefinition(
        DEBTS, "Teacher earnings", _T, "Teachers' shares of prices, net of clawbacks."
    ),
    "commission": FigureDefinition(DEBTS, "Commission", _T, "The platform's shares of prices, net of refunds."),
    "take_rate": FigureDefinition(
        DEBTS,
        "Take rate",
        SHARE,
        "Commission divided by tokens spent, both net of refunds.",
        line_items=("commission", "spent", "refunded"),
    ),
    "money_in": FigureDefinition(DEBTS, "Money received", MONEY, f"Paid by learners for tokens. {_CENTS}"),
    "money_out": FigureDefinition(DEBTS, "Money paid out", MONEY, f"Paid to teachers for their tokens. {_CENTS}"),
    "learner_balance": FigureDefinition(
        DEBTS, "Unredeemed tokens", _T, "Learners' balances at the end of the range, owed to them as courses."
    ),
    "teacher_balance": FigureDefinition(DEBTS, "Payout liability", _T, "Teachers' balances at the end of the range."),
    "unredeemed_money": FigureDefinition(
        DEBTS,
        "Unredeemed in money",
        MONEY,
        f"Learners' balances at the mean price paid for a token so far. {_CENTS}",
        line_items=("learner_balance", "money_in", "minted_purchase"),
    ),
    "payout_money": FigureDefinition(
        DEBTS,
        "Payout liability in money",
        MONEY,
        f"Teachers' balances at the mean price paid for a token so far. {_CENTS}",
        line_items=("teacher_balance", "money_in", "minted_purchase"),
    ),
    "payout_cover": FigureDefinition(
        DEBTS,
        "Payout coverage",
        "times",
        "Money received minus money paid out so far, divided by the payout liability. Below 1, the platform owes "
        "more than it received.",
        line_items=("money_in", "money_out", "teacher_balance"),
    ),
    "active_learners": FigureDefinition(
        PEOPLE, "Active learners", "learners", "Learners with a visit in the range.", ("views",)
    ),
    "buyers": FigureDefinition(
        PEOPLE, "Buyers", "learners", "Learners who spent tokens in the range.", line_items=("spent",)
    ),
    "repurchase_rate": FigureDefinition(
        PEOPLE,
        "Repurchase rate",
        SHARE,
        "Share of buyers who bought at least two courses in the range.",
        line_items=("spent",),
    ),
    "arpu": FigureDefinition(
        PEOPLE,
        "Revenue per learner",
        _T,
        "Tokens spent, net of refunds, per active learner (ARPU).",
        _VIEWS,
        ("spent", "refunded"),
    ),
    "enrollments": FigureDefinition(
        PEOPLE, "Enrollments", "pieces", "Quantity sold in the demand panel's periods that begin in the range.", ()
    ),
    "panel_revenue": FigureDefinition(
        PRICES, "Price times quantity", _T, "Revenue of the demand panel's periods that begin in the range.", ()
    ),
    "mean_price": FigureDefinition(PRICES, "Mean price paid", _T, "Price times quantity divided by quantity sold.", ()),
    "price_index": FigureDefinition(
        PRICES,
        "Price index",
        "first = 100",
        "Mean price level of the range's periods, compared unit by unit (GEKS-Fisher). The data set's first period "
        "is 100.",
        (),
    ),
}


def line_items_of(name: str) -> tuple[str, ...]:
    """Return the line items of a figure: itself, or those that it is computed from; none for other tables."""
    return (name,) if name in LINE_ITEMS else ECONOMY[name].line_items
