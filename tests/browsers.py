"""The Chromium of the browser tests: where it is, its options, and checks of its pages."""

import os
import shutil

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

# As tests/install_browser.sh finds or installs them; without any, Playwright's own.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
# As root and without a network, Chromium needs to be told both.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def open_context(
    browser: Browser,
    url: str,
    trouble: list[str],
    *,
    width: int,
    height: int = 800,
    colors: str = "light",
    patience: float = 20_000,
) -> BrowserContext:
    """Somebody's own browser. `trouble` gets what it complains of, and other hosts it asks."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if colors == "dark" else "light",
    )
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    context.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    context.on(
        "request", lambda asked: None if asked.url.startswith(url) else trouble.append(asked.url)
    )
    context.set_default_timeout(patience)
    return context


def has_come_in(page: Page) -> None:
    """Its scripts run. Before that, the browser would send forms by itself, without them."""
    page.wait_for_load_state("load")


def fits(page: Page) -> None:
    wide, seen = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= seen, f"{page.url} is {wide} px wide on a screen of {seen} px"


def violations(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds against these of its rules, or against WCAG 2.2 AA without any named."""
    asked = {"type": "rule", "values": rules} if rules else RULES
    seen = Axe().run(page, options={"runOnly": asked, "resultTypes": ["violations"]})
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in seen.response["violations"]
    ]
