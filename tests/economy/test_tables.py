"""The same figures from the command line and in a report."""

from datetime import date

import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.data import Catalogue
from edtech.economy import economy, reconcile, select_period
from edtech.reports import to_csv, to_html
from edtech.reports.economy import economy_report
from tests.data.conftest import ROLES, sales


@pytest.fixture
def economy_figures(stored):
    return economy(stored, select_period(stored, date(2024, 4, 1), date(2024, 5, 31)))


def test_the_report_holds_figures_causes_balances_and_the_proof(stored, economy_figures):
    report = economy_report(stored, economy_figures, {"data set digest": stored.digest})
    titles = [section.title for section in report.sections]
    assert titles == ["Figures", "Sources and sinks by cause", "Token balances", "Reconciliation with the ledger"]
    tables = {table.title: table.frame for section in report.sections for table in section.tables}
    held = tables["Supply"].set_index("figure").loc["Circulating supply"]
    assert held["exact"] == economy_figures.figures["circulating_supply"].exact
    sides = tables["By cause"].groupby("side")["tokens"].sum()
    assert sides["sink"] / sides["source"] == pytest.approx(economy_figures.figures["sink_source"].value)
    assert tables["Balances by day"][["learners", "teachers"]].iloc[-1].sum() == pytest.approx(held["value"])
    assert "0 of " in report.sections[-1].text[0]
    assert len(to_html(report)) < 6e6
    assert b"Circulating supply" in to_csv(report)


def test_a_panel_has_a_report_without_a_ledger(home):
    stored = Catalogue(home.data_dir).add_panel(sales(), ROLES, name="panel")
    report = economy_report(stored, economy(stored, select_period(stored)), {})
    assert [section.title for section in report.sections] == ["Figures"]
    assert any("no table token_ledger" in line for line in report.sections[0].text)


def test_the_commands_print_the_figures_and_the_proof(market, home, tmp_path):
    stored = Catalogue(home.data_dir).add_market(market, name="told")
    days = ["--first", "2024-04-01", "--last", "2024-05-31"]
    report = tmp_path / "economy.html"
    message = CliRunner().invoke(app, ["economy", "figures", stored.id, *days, "--report", str(report)])
    assert message.exit_code == 0, message.output
    spent = economy(stored, select_period(stored, date(2024, 4, 1), date(2024, 5, 31))).figures["spent"]
    assert str(spent.exact) in message.output
    assert "Token economy" in report.read_text(encoding="utf-8")
    message = CliRunner().invoke(app, ["economy", "proof", stored.id])
    assert (message.exit_code, "0 of " in message.output) == (0, True)


def test_a_ledger_that_was_changed_fails_the_proof(market, home):
    ledger = market.tables["token_ledger"].copy()
    ledger.loc[ledger.index[ledger["kind"] == "bonus"][0], "amount"] += 1
    spoiled = Catalogue(home.data_dir).add_market(market, name="spoiled")
    spoiled.files("token_ledger")[0].unlink()
    ledger.to_parquet(spoiled.folder / "token_ledger.parquet")
    broken = reconcile(spoiled, select_period(spoiled)).broken
    titles = " ".join(item.title for item in broken)
    assert "do not sum to zero" in titles
    assert "platform_metrics" in titles
    message = CliRunner().invoke(app, ["economy", "proof", spoiled.id])
    assert message.exit_code == 1
