"""Show the menu, the sidebar and the current page; Streamlit runs this script for every page."""

import streamlit as st

from edtech.errors import SettingsError
from edtech.settings import PROJECT

PAGES = PROJECT / "pages"
STYLE = PROJECT / "edtech" / "ui" / "style.css"
MENU = (
    ("overview", "Overview", ":material/home:"),
    ("data", "Data", ":material/database:"),
    ("train", "Train", ":material/model_training:"),
    ("compare", "Compare", ":material/compare_arrows:"),
    ("models", "Models", ":material/deployed_code:"),
    ("pricing", "Pricing", ":material/sell:"),
    ("economy", "Economy", ":material/toll:"),
    ("reports", "Reports", ":material/description:"),
)


def main() -> None:
    """Show the dashboard."""
    st.set_page_config(page_title="EdTech Token Economy", page_icon="🪙", layout="wide")
    st.html(STYLE)
    pages = [
        st.Page(PAGES / f"{name}.py", title=title, icon=icon, default=name == "overview") for name, title, icon in MENU
    ]
    page = st.navigation(pages)

    from edtech.ui.server import importing  # the menu appears before the slow imports

    with importing():
        from edtech.ui import sidebar
        from edtech.ui.cache import services
        from edtech.ui.state import write_address_once
        from edtech.ui.widgets import error_panel

        try:
            services.settings()
        except SettingsError as error:
            error_panel(error)
            return
        sidebar.show()
        write_address_once(page.url_path)
        page.run()


if __name__ == "__main__":
    main()
