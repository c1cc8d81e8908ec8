"""Start the dashboard: `streamlit run app.py`."""

import sys
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # tests run this file from elsewhere
    sys.path.insert(0, str(ROOT))

if get_script_run_ctx(suppress_warning=True) is None:
    # The script lies in a folder without `pages`. Otherwise Streamlit shows that folder as its own menu and, before the
    # first visit of the start page, runs a page without menu and sidebar.
    from edtech.ui.server import MIDDLEWARE, lifespan

    app = st.App(ROOT / "edtech" / "ui" / "dashboard.py", lifespan=lifespan, middleware=MIDDLEWARE)
else:
    from edtech.ui import dashboard

    dashboard.main()
