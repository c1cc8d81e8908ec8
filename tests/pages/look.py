"""Read and use a page under AppTest."""

from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest

from edtech.settings import PROJECT

TEXT_ELEMENTS = ("title", "subheader", "markdown", "caption", "text", "info", "warning", "error", "success", "code")
PLAIN = ("text", "code")
"""Elements that show their content literally."""


def visit(app: AppTest, name: str) -> AppTest:
    """Go to a page by the menu."""
    return app.switch_page(str(PROJECT / "pages" / f"{name}.py")).run()


def choose_dataset(app: AppTest, dataset_id: str) -> AppTest:
    """Choose a data set in the sidebar."""
    return app.sidebar.selectbox[0].set_value(dataset_id).run()


def texts(app: AppTest) -> str:
    """Return all texts of the page and its sidebar, as Markdown shows them."""
    return "\n".join(section.value for kind in TEXT_ELEMENTS for section in app.get(kind)).replace("\\", "")


def figures(app: AppTest) -> dict[str, str]:
    """Return the value of every metric by its label."""
    return {metric.label: metric.value for metric in app.metric}


def table(app: AppTest, column: str) -> pd.DataFrame:
    """Return the first table that has this column."""
    return next(section.value for section in app.dataframe if column in section.value.columns)


def press(app: AppTest, label: str) -> AppTest:
    """Press the button with this label."""
    return next(button for button in app.button if button.label == label).click().run()


def markdown(app: AppTest) -> list[str]:
    """Return the source of everything rendered as Markdown: bodies, labels, help and figures."""
    nodes = [node for node in app._tree if node.type not in PLAIN]
    return [text for node in nodes for field in ("label", "body", "help", "delta") if (text := _field(node, field))]


def _field(node: Any, name: str) -> str:
    value = getattr(getattr(node, "proto", None), name, "")
    return value if isinstance(value, str) else ""
