"""Use the dashboard in a real browser: clicks, keys and downloads."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser import Watch, watch
from tests.waiting import SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

IDLE = "[data-testid='stApp'][data-test-script-state='notRunning']"
JOB = SECONDS * 1000
"""Longest wait for a training or a generation, in milliseconds: only a hang reaches it."""


@dataclass(slots=True)
class Dashboard:
    """A browser tab with the dashboard; every action waits until the page is idle."""

    page: "Page"
    url: str
    watch: Watch

    def open(self, name: str = "") -> None:
        self.page.goto(f"{self.url}/{name}")
        self.wait_until_idle()

    def wait_until_idle(self, timeout: float = JOB) -> None:
        self.page.locator(f"{IDLE} h1").first.wait_for(timeout=timeout)
        assert self.page.get_by_test_id("stException").all_inner_texts() == []

    def menu(self, title: str) -> None:
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        self.page.get_by_role("heading", name=title, level=1).wait_for()
        self.wait_until_idle()

    def widget(self, key: str) -> "Locator":
        return self.page.locator(f".st-key-{css(key)}")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def see(self, text: str, timeout: float = JOB) -> None:
        try:
            self.page.get_by_text(text).first.wait_for(timeout=timeout)
        except PlaywrightTimeout as exc:
            raise AssertionError(f"{text!r} is not on the page:\n{self.page.inner_text('body')}") from exc
        self.wait_until_idle()

    def fill(self, key: str, text: str) -> None:
        field = self.widget(key).locator("input")
        field.fill(text)
        field.press("Tab")
        self.wait_until_idle()

    def choose(self, key: str, option: str) -> None:
        """Choose an option of a select box by typing its name."""
        field = self.widget(key).locator("input")
        field.click()
        field.fill(option)
        self.page.get_by_role("option", name=option).first.click()

    def slide(self, key: str, steps: int) -> None:
        """Move a slider by its arrow keys; negative is to the left."""
        thumb = self.widget(key).locator("input[type=range]")
        goal = f"{float(thumb.input_value()) + steps * float(thumb.get_attribute('step') or 1):g}"
        thumb.focus()
        for _ in range(abs(steps)):
            thumb.press("ArrowRight" if steps > 0 else "ArrowLeft")
        assert f"{float(thumb.input_value()):g}" == goal

    def figures(self) -> dict[str, str]:
        """Return the value of every metric by its label."""
        result = self.page.get_by_test_id("stMetric").all()
        return {
            item.get_by_test_id("stMetricLabel").inner_text(): item.get_by_test_id("stMetricValue").inner_text()
            for item in result
        }

    def download(self, key: str, folder: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.widget(key).get_by_role("button").click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


def css(key: str) -> str:
    """Return a widget's key as Streamlit writes it into a class: all but letters, digits, - and _ become -."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in key)


@pytest.fixture
def tab(page: "Page", dashboard: str) -> Dashboard:
    return Dashboard(page, dashboard, watch(page))
