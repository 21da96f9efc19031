"""The built site in a real browser, Chromium without a window: at the widths of a phone and of a desk.

Held of each page of the guide, of the chapters, and of some of the reference: it comes without errors, its heading is
seen, nothing is wider than the window, no word sticks out of its cell, and every picture is there. And the search
finds. What was seen is left in `out/site`, for people to look at. AUTOGRAD_NP_SITE names the folder of a site that
`python -m docs` has built, with all examples run, which takes minutes: `.ci/run` does it for the nightly profile.
"""

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SITE = os.environ.get("AUTOGRAD_NP_SITE")
if SITE is None:
    pytest.skip("AUTOGRAD_NP_SITE names no site: .ci/run builds one for the nightly profile", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright comes with the extra docs")

ROOT = Path(__file__).parents[2]
BROWSER = shutil.which("chromium")
PICTURES = ROOT / "out" / "site"
WIDTHS = {"phone": (390, 844), "desk": (1400, 1000)}
PAGES = [
    *(f"{path.stem}.html" for path in sorted((ROOT / "docs").glob("*.md"))),
    *(f"generated/chapters/{path.stem}.html" for path in sorted((ROOT / "examples").glob("chapter_*.py"))),
    *(f"generated/examples/{name}.html" for name in ("index", "train", "compare_passes", "compiled", "fit")),
    *(f"generated/api/{name}.html" for name in ("index", "autograd_np", "autograd_np.Tensor", "nn.Linear", "nn.optim")),
]  # fmt: skip
# What has pictures of its own, and how many at least.
WITH_PICTURES = {
    "generated/chapters/chapter_4_5_capstone.html": 3,
    "generated/examples/train.html": 1,
    "chapters.html": 4,
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve the site to this machine alone, and return its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium: that of the system, or the one that playwright has installed."""
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: Any, width: str, address: str) -> tuple[Any, list[str]]:
    """Open a page, and return it and the list of what goes wrong in it."""
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    page = browser.new_page(viewport=size)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"{request.url} did not come"))
    page.on("response", lambda answer: wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    page.goto(address, wait_until="load")
    return page, wrong


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_shown_whole(site: str, browser: Any, name: str, width: str) -> None:
    page, wrong = opened(browser, width, f"{site}/{name}")
    try:
        assert page.locator("h1").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0]
        wide = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.innerText)"
        assert page.locator("table.printed td").evaluate_all(wide) == []
        pictures = page.locator("article img")
        for i in range(pictures.count()):
            pictures.nth(i).scroll_into_view_if_needed()
            page.wait_for_function("image => image.complete", arg=pictures.nth(i).element_handle())
            assert pictures.nth(i).evaluate("image => image.naturalWidth") > 50
        assert pictures.count() >= WITH_PICTURES.get(name, 0)
        assert wrong == []
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=PICTURES / f"{name.replace('/', '-').removesuffix('.html')}-{width}.png")
    finally:
        page.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [("hessian", "autograd_np.hessian"), ("unsqueeze", "from_pytorch"), ("vanish", "chapter_4_1_deeper")],
)
def test_search_finds(site: str, browser: Any, words: str, found: str) -> None:
    page, wrong = opened(browser, "desk", f"{site}/index.html")
    try:
        page.locator("button.search-button__button:visible, button.search-button-field:visible").first.click()
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'ul.search a[href*="{found}"]', timeout=20_000)
        assert wrong == []
    finally:
        page.close()


def test_menu_opens_on_a_phone(site: str, browser: Any) -> None:
    page, _ = opened(browser, "phone", f"{site}/start.html")
    try:
        page.locator("button.primary-toggle:visible").click()
        page.get_by_role("link", name="Reference").locator("visible=true").first.click()
        page.wait_for_url("**/generated/api/index.html")
    finally:
        page.close()
