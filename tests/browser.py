"""The Chromium that the browser tests use: found here, and installed by `python tests/browser.py`."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HERE = ("localhost", "127.0.0.1", "", None)


def find() -> Path | None:
    """Return Chromium or Chrome: $CHROMIUM, on the PATH, else the one that Playwright installed; None without any."""
    named = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if named:
        return Path(named)
    with sync_playwright() as play:
        own = Path(play.chromium.executable_path)
    return own if own.exists() else None


def install() -> None:
    """Debian's package where we may install it, else Playwright's own copy in the user's cache."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update"], check=True)
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "chromium"], check=True)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


@dataclass(slots=True)
class Watch:
    """What a page did that it should not: errors in its console, requests to other hosts."""

    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def watch(page: Page) -> Watch:
    """Listen from now on. Streamlit asks for its health below a page's own path first and takes the 404."""
    observed = Watch()
    page.on("pageerror", lambda error: observed.errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            observed.errors.append(message.text)
            if message.type == "error" and "/_stcore/" not in message.location.get("url", "")
            else None
        ),
    )
    page.on(
        "request",
        lambda request: observed.strangers.append(request.url) if urlparse(request.url).hostname not in HERE else None,
    )
    return observed


if __name__ == "__main__":
    if find() is None:
        install()
    sys.exit(None if find() else "No Chromium for the browser tests, and none could be installed: see README.md.")
