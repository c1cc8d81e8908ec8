"""What each figure of the token economy means: title, unit, one sentence, and which table it needs."""

from dataclasses import dataclass

from edtech.economy.ledger_lines import LINES
from edtech.economy.period import LEDGER


@dataclass(frozen=True, slots=True)
class Meaning:
    """A figure's group on the page, title, unit, one sentence, and the lines of the ledger that it is made of.

    `tables`: what a data set must hold; none where the demand panel is enough.
    """

    group: str
    title: str
    unit: str
    help: str
    tables: tuple[str, ...] = (LEDGER,)
    lines: tuple[str, ...] = ()


SUPPLY, FLOWS, DEBTS, PEOPLE, PRICES = "Supply", "Sources and sinks", "Sales and debts", "Learners", "Prices"
MAIN = ("spent", "circulating_supply", "take_rate", "sink_source", "payout_cover", "active_learners")
"""Figures to look at first."""
GROUPS = (SUPPLY, FLOWS, DEBTS, PEOPLE, PRICES)
SHARE, MONEY = "share", "100 cents"
_T = "tokens"
_CENTS = f"1.00 is {MONEY}, as the ledger stores money; it names no currency."
_VIEWS = (LEDGER, "views")

ECONOMY: dict[str, Meaning] = {
    "circulating_supply": Meaning(
        SUPPLY, "Circulating supply", _T, "Tokens held by learners and teachers at the end of the range."
    ),
    "treasury": Meaning(SUPPLY, "Treasury", _T, "Tokens held by the platform at the end of the range."),
    "velocity": Meaning(
        SUPPLY,
        "Velocity",
        "times",
        "Tokens spent in the range over the mean circulating supply of its days: how often a token changed hands.",
        lines=("spent", "circulating_supply"),
    ),
    "gini": Meaning(
        SUPPLY,
        "Gini of balances",
        "0 to 1",
        "How unequal the balances of learners with an account are at the end of the range: 0 all alike, 1 one has all.",
        lines=("learner_balance",),
    ),
    "top_1": Meaning(
        SUPPLY,
        "Held by the top 1%",
        SHARE,
        "Share of learners' tokens that the one in a hundred with the largest balances hold.",
        lines=("learner_balance",),
    ),
    "top_10": Meaning(
        SUPPLY,
        "Held by the top 10%",
        SHARE,
        "Share of learners' tokens that the ten in a hundred with the largest balances hold.",
        lines=("learner_balance",),
    ),
    "issued": Meaning(FLOWS, "Issued", _T, "Tokens that left the mint in the range: bought, given, or minted again."),
    "minted_purchase": Meaning(FLOWS, "Minted for purchases", _T, "Tokens that learners bought."),
    "minted_bonus": Meaning(FLOWS, "Minted for bonuses", _T, "Tokens given to learners."),
    "minted_refund": Meaning(FLOWS, "Minted for refunds", _T, "Burned parts of refunded prices, minted again."),
    "burned": Meaning(FLOWS, "Burned", _T, "Parts of prices paid that nobody gets: they cease to exist."),
    "expired": Meaning(FLOWS, "Expired", _T, "Balances of learners that lapsed."),
    "paid_out": Meaning(FLOWS, "Paid out", _T, "Tokens that teachers handed in for money; they cease to exist."),
    "sink_source": Meaning(
        FLOWS,
        "Sinks over sources",
        "ratio",
        "Tokens paid out to teachers, burned or expired over tokens issued in the range: below 1 the supply grows.",
        lines=("taken_out", "issued"),
    ),
    "spent": Meaning(DEBTS, "Token revenue", _T, "Tokens spent on courses, refunds not taken off."),
    "refunded": Meaning(DEBTS, "Refunded", _T, "Tokens given back to learners."),
    "teacher_earnings": Meaning(DEBTS, "Teacher earnings", _T, "Teachers' parts of prices, less those clawed back."),
    "commission": Meaning(DEBTS, "Commission", _T, "The platform's parts of prices, less those of refunds."),
    "take_rate": Meaning(
        DEBTS,
        "Take rate",
        SHARE,
        "Commission over tokens spent, refunds taken off both.",
        lines=("commission", "spent", "refunded"),
    ),
    "money_in": Meaning(DEBTS, "Money received", MONEY, f"Paid by learners for tokens. {_CENTS}"),
    "money_out": Meaning(DEBTS, "Money paid out", MONEY, f"Paid to teachers for their tokens. {_CENTS}"),
    "learner_balance": Meaning(
        DEBTS, "Unredeemed", _T, "Owed to learners as courses: what they hold at the end of the range."
    ),
    "teacher_balance": Meaning(
        DEBTS, "Owed to teachers", _T, "Payout liability: what teachers hold at the end of the range."
    ),
    "unredeemed_money": Meaning(
        DEBTS,
        "Unredeemed in money",
        MONEY,
        f"What learners hold at the mean price paid for a token so far. {_CENTS}",
        lines=("learner_balance", "money_in", "minted_purchase"),
    ),
    "payout_money": Meaning(
        DEBTS,
        "Owed in money",
        MONEY,
        f"What teachers hold at the mean price paid for a token so far. {_CENTS}",
        lines=("teacher_balance", "money_in", "minted_purchase"),
    ),
    "payout_cover": Meaning(
        DEBTS,
        "Cover of payouts",
        "times",
        "Money received so far, less what was paid out, over what is owed to "
        "teachers: below 1 the platform owes more than it took.",
        lines=("money_in", "money_out", "teacher_balance"),
    ),
    "active_learners": Meaning(PEOPLE, "Active learners", "learners", "Learners who came in the range.", ("views",)),
    "buyers": Meaning(PEOPLE, "Buyers", "learners", "Learners who spent tokens in the range.", lines=("spent",)),
    "repurchase_rate": Meaning(
        PEOPLE, "Repurchase rate", SHARE, "Buyers of the range who took at least two courses in it.", lines=("spent",)
    ),
    "arpu": Meaning(
        PEOPLE,
        "Revenue per learner",
        _T,
        "Tokens spent, refunds taken off, for each active learner (ARPU).",
        _VIEWS,
        ("spent", "refunded"),
    ),
    "enrollments": Meaning(
        PEOPLE, "Enrollments", "pieces", "Pieces sold in the demand panel's periods that begin in the range.", ()
    ),
    "panel_revenue": Meaning(
        PRICES, "Price times quantity", _T, "Of the demand panel's periods that begin in the range.", ()
    ),
    "mean_price": Meaning(PRICES, "Mean price paid", _T, "Price times quantity over pieces sold.", ()),
    "price_index": Meaning(
        PRICES,
        "Price index",
        "first = 100",
        "Mean price level of the range's periods, of units compared with "
        "themselves (GEKS-Fisher); the data set's first period is 100.",
        (),
    ),
}


def lines_behind(name: str) -> tuple[str, ...]:
    """Return the lines of the ledger that a figure is made of: itself, or those of its parts; none of other tables."""
    return (name,) if name in LINES else ECONOMY[name].lines
