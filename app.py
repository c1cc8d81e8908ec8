"""The dashboard's entry: `streamlit run app.py`."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # tests run this script from elsewhere
    sys.path.insert(0, str(ROOT))

st.set_page_config(page_title="EdTech Token Economy", page_icon="🪙", layout="wide")

page = st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", icon=":material/home:", default=True),
        st.Page("pages/data.py", title="Data", icon=":material/database:"),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page("pages/pricing.py", title="Pricing", icon=":material/sell:"),
    ]
)

from edtech.ui import sidebar  # noqa: E402  # the menu is sent before the heavy imports, or Streamlit's own flashes

sidebar.show()
page.run()
