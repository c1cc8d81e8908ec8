"""The main workflow by clicking, and its results: data sets, runs, and reports with the same numbers."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue, Dataset
from edtech.data.ingest.samples import sample_panel_csv
from edtech.ml import ALGORITHMS
from edtech.ml.artifacts import load_result
from edtech.pricing import WhatIf, what_if
from edtech.pricing.plan_policy import revenue_split
from edtech.pricing.tables import effect_rows
from edtech.settings import PROJECT, Settings
from edtech.tables.formatting import format_change
from edtech.tracking import RunStore
from edtech.ui.pricing.price_inputs import widget_key
from edtech.ui.widgets import format_number
from tests.browser import watch
from tests.journeys.conftest import Dashboard
from tests.serving import serve

pytestmark = pytest.mark.browser
HOSTILE = {
    "Programming": "<b onclick=alert(1)>Bold</b>",
    "Design": "=HYPERLINK(1)",
    "Languages": "![](https://evil.example/x.png)",
    "Data Science": "$a^2$ :red[x]",
}


def train(tab: Dashboard, algorithm: str) -> None:
    tab.menu("Train")
    tab.widget("train.algorithm.token_elasticity").get_by_role("radio", name=ALGORITHMS[algorithm].title).click()
    tab.see(ALGORITHMS[algorithm].help)
    tab.press("Train")
    tab.see("Trained and logged: 1 run.")


def stored(home: Settings, name: str) -> Dataset:
    [dataset] = [item for item in Catalogue(home.data_dir).list() if item.name == name]
    return dataset


def runs_on(home: Settings, dataset: Dataset) -> pd.DataFrame:
    runs = RunStore(settings=home).list_runs([home.experiment])
    return runs[runs["tags.dataset_digest"] == dataset.digest].set_index("params.algorithm")


def expected_what_if(home: Settings, run_id: str, dataset: Dataset, changes: dict[str, float]) -> WhatIf:
    result = load_result(RunStore(settings=home), run_id)
    return what_if(result, dataset.panel(), changes, split=revenue_split(dataset))


def see_figures(tab: Dashboard, answer: WhatIf) -> None:
    """Wait until the page shows this what-if."""
    tab.see(format_change(answer.token_revenue.change))
    assert list(tab.figures().values()) == [format_number(effect.planned) for effect in answer.effects.values()]
    assert tab.widget("pricing.curve").locator(".main-svg").count() > 0


def check_reports(tab: Dashboard, folder: Path, answer: WhatIf) -> str:
    """Download both reports, compare their numbers with the what-if, and return the text of the HTML."""
    figures = effect_rows(answer).set_index("name")
    expected = figures[["today", "planned"]].join(100 * figures[["change", "low", "high", "low_80", "high_80"]])
    book = tab.download("pricing-report.xlsx", folder)
    rows = pd.read_excel(book, sheet_name="01 Expected figures per period", index_col="figure")
    result = rows.drop(columns="unit").astype(float).loc[expected.index].set_axis(expected.columns, axis=1)
    pd.testing.assert_frame_equal(result, expected, check_names=False, rtol=1e-12)

    page = tab.page.context.new_page()
    observed = watch(page)
    page.goto(tab.download("pricing-report.html", folder).as_uri())
    table = page.get_by_role("table", name="Expected figures per period")
    values = table.locator("data").evaluate_all("nodes => nodes.map(node => Number(node.value))")
    np.testing.assert_allclose(values, expected.to_numpy()[~expected.isna().to_numpy()].ravel(), rtol=1e-12)
    text = page.locator("body").inner_text()
    assert (observed.errors, observed.strangers) == ([], [])
    page.close()
    return text


def test_generate_train_compare_price_and_report(tab, dashboard_home, tmp_path):
    tab.open("data")
    tab.page.get_by_role("tab", name="Generate").click()
    tab.fill("generate.name.balanced", "Journey market")
    tab.slide("generate.balanced.weeks", -10)
    tab.press("Generate")
    tab.see("Journey market is stored and selected")
    market = stored(dashboard_home, "Journey market")
    assert market.key_figures().periods == 16

    for algorithm in ("fixed_effects", "linear"):
        train(tab, algorithm)
    runs = runs_on(dashboard_home, market)
    assert sorted(runs.index) == ["fixed_effects", "linear"]
    assert runs[["metrics.rmse", "metrics.token_revenue", "metrics.elasticity_bias"]].notna().all(axis=None)

    tab.menu("Compare")
    tab.see("Error versus value")
    selection = tab.widget("compare.runs")
    for name in runs["name"]:
        selection.get_by_text(name).first.wait_for()
    tab.page.get_by_test_id("stVegaLiteChart").first.wait_for()
    book = tab.download("comparison-report.xlsx", tmp_path)
    sheets = pd.read_excel(book, sheet_name=None)
    [metrics] = [sheet for name, sheet in sheets.items() if name.endswith("Model metrics")]
    rmse = metrics.set_index("metric").loc["RMSE"]
    best = ALGORITHMS[runs["metrics.rmse"].idxmin()].title
    assert [label for label, text in rmse.items() if "★" in str(text)] == [best]

    tab.menu("Pricing")
    fixed = runs.loc["fixed_effects"]
    tab.choose(widget_key(market, "run"), fixed["name"])
    tab.wait_until_idle()
    tab.slide(widget_key(market, "change", "segment", "Programming"), -6)
    answer = expected_what_if(dashboard_home, fixed["run_id"], market, {"Programming": -0.06})
    see_figures(tab, answer)
    assert "-6.0%" in check_reports(tab, tmp_path, answer)
    assert (tab.watch.errors, tab.watch.strangers) == ([], [])


def test_upload_map_train_price_and_report(tab, dashboard_home, tmp_path):
    frame = pd.read_csv(io.BytesIO(sample_panel_csv()))
    frame = frame.assign(category=frame["category"].map(HOSTILE)).rename(columns={"token_price": "Paid"})
    tab.open("data")
    tab.page.get_by_role("tab", name="Upload").click()
    tab.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        {"name": "<i>sales</i>.csv", "mimeType": "text/csv", "buffer": frame.to_csv(index=False).encode()}
    )
    tab.see("Column roles.")
    tab.choose("upload.price", "Paid")
    tab.page.get_by_text("By a schedule or rule").click()
    tab.press("Check and store")
    tab.see("is stored and selected")
    panel = stored(dashboard_home, "<i>sales</i>.csv")
    assert (panel.rows, panel.roles.price, panel.roles.prices_set) == (len(frame), "Paid", "schedule")

    train(tab, "fixed_effects")
    runs = runs_on(dashboard_home, panel)
    tab.see(f"{runs['metrics.price_elasticity_coefficient'].iloc[0]:.2f}")

    tab.menu("Pricing")
    tab.slide(widget_key(panel, "change", "segment", HOSTILE["Programming"]), 4)
    answer = expected_what_if(dashboard_home, runs["run_id"].iloc[0], panel, {HOSTILE["Programming"]: 0.04})
    see_figures(tab, answer)
    text = check_reports(tab, tmp_path, answer)
    assert all(name in text for name in HOSTILE.values())
    assert (tab.watch.errors, tab.watch.strangers) == ([], [])


def test_keys_alone_make_the_demo_and_a_restart_keeps_it(page, tmp_path):
    home = Settings(home=tmp_path)
    with serve(PROJECT / "app.py", home.root) as url:
        tab = Dashboard(page, url, watch(page))
        tab.open()
        tab.see("There is no data yet")
        demo_button = page.get_by_role("button", name="Generate demo").element_handle()
        for _ in range(40):
            page.keyboard.press("Tab")
            if demo_button.evaluate("node => node === document.activeElement"):
                break
        page.keyboard.press("Enter")
        tab.see("The demo is ready")
    [demo] = Catalogue(home.data_dir).list()
    [run] = RunStore(settings=home).list_runs([home.experiment]).to_dict("records")
    assert run["tags.dataset_digest"] == demo.digest

    with serve(PROJECT / "app.py", home.root) as url:
        tab = Dashboard(page, url, tab.watch)
        tab.open()
        tab.see(f"{demo.key_figures().revenue:,.0f}")
        tab.menu("Pricing")
        tab.see("Recommended prices")
        assert run["name"] in tab.widget(widget_key(demo, "run")).locator("input").get_attribute("value")
    assert tab.watch.strangers == []
