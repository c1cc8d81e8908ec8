import tomllib

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edtech.charts.base import MAX_LABEL, PALETTE, TEXT, first, has_interval, label, need, thin
from edtech.errors import ReportError
from edtech.settings import PROJECT


def luminance(color: str) -> float:
    """WCAG 2 relative luminance of #RRGGBB."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    light, dark = sorted([luminance(first), luminance(second)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colors_stand_out_on_both_themes(theme):
    config = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())["theme"][theme]
    back = config["backgroundColor"]
    assert min(contrast(color, back) for color in (*PALETTE, *config["chartCategoricalColors"])) >= 3
    assert contrast(TEXT, back) >= 4
    for color in ("textColor", "linkColor"):
        assert (
            min(
                contrast(config[color], config[background])
                for background in ("backgroundColor", "secondaryBackgroundColor")
            )
            >= 4.5
        )
    assert contrast(config["primaryColor"], back) >= 3  # lines and marks; words in it are drawn by edtech/ui/style.css
    assert contrast("#FFFFFF", config["primaryColor"]) >= 4.5  # as Streamlit writes buttons and tags


@given(st.text(alphabet=st.characters(), max_size=200))
def test_a_label_is_one_short_line_that_can_be_encoded(text):
    line = label(text)
    assert len(line) <= MAX_LABEL
    assert line.encode("utf-8").decode().isprintable() or not text.isprintable()
    assert len(line.splitlines()) <= 1


def test_an_ordinary_name_is_left_alone():
    assert label("Música & 数据 <b>") == "Música & 数据 <b>"


def test_a_note_states_how_many_points_are_shown():
    frame = pd.DataFrame({"x": range(5_000)})
    subset, note = thin(frame)
    assert (len(subset), note) == (2_000, "2,000 of 5,000 points shown")
    assert [subset["x"].iloc[0], subset["x"].iloc[-1]] == [0, 4_999]
    assert thin(frame.head(10))[1] == ""
    assert first(frame, "segments")[1] == "30 of 5,000 segments shown"


def test_a_missing_column_or_no_row_is_an_error_that_names_both():
    with pytest.raises(ReportError, match=r"chart demand cannot .* with price, quantity\. Found: 1 rows with price\."):
        need(pd.DataFrame({"price": [1]}), ("price", "quantity"), "demand")
    with pytest.raises(ReportError, match="Found: 0 rows"):
        need(pd.DataFrame({"price": []}), ("price",), "demand")


def test_an_interval_needs_both_ends():
    assert has_interval(pd.DataFrame({"low": [None, 1.0], "high": [2.0, 3.0]}))
    assert not has_interval(pd.DataFrame({"low": [None, 1.0], "high": [2.0, None]}))
    assert not has_interval(pd.DataFrame({"low": [1.0]}))
