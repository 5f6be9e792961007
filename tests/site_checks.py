"""What the tests of the website look at: its pages as text, and in a real browser with axe-core.

`python tests/site_checks.py en/lessons/losses.html …` prints what is wrong on pages of build/site.
"""

import functools
import http.server
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import make_site
from handouts import chromium
from node_packages import node_modules
from playwright.sync_api import Browser, Page

#: Window, and what the system prefers; a page whose text is the same in both editions is examined in
#: one of them only.
SCREENS = {"wide, light": ((1280, 800), "light"), "narrow, dark": ((390, 800), "dark")}
SAME_TEXT = {"wide, light": "zh-TW/api/", "narrow, dark": "en/api/"}
# What is set in the same way many times over, is examined twice: the words of code, formulas.
EXAMINE = """async () => {
  const seen = {};
  for (const e of document.querySelectorAll('.highlight span[class], .katex-html')) {
    seen[e.className] = (seen[e.className] || 0) + 1;
    if (seen[e.className] > 2) e.replaceWith(e.matches('.katex-html') ? '' : e.textContent);
  }
  document.querySelectorAll('pre').forEach(e => e.normalize());
  const options = {resultTypes: ['violations'], preload: false};
  const {violations} = await axe.run(document, options);
  return violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' +
    v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.failureSummary).join('; '));
}"""


class Html(HTMLParser):
    """What a page holds: anchors, links, what it loads, images, text outside of code."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict] = []
        self.classes: dict[str, int] = defaultdict(int)
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if values.get("id") else []
        self.links += [values["href"]] if tag == "a" and "href" in values else []
        if tag == "img":
            self.images.append(values)
        if tag in ("img", "script", "iframe", "source") and values.get("src"):
            self.loads.append(values["src"])
        if tag == "link" and values.get("rel") not in ("next", "prev", "search", "alternate"):
            self.loads.append(values["href"])
        for name in (values.get("class") or "").split():
            self.classes[name] += 1


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of this machine's that serves a folder as it is."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def new_page(browser: Browser, screen: str, allowed: str, **options) -> tuple[Page, list[str]]:
    """A page, and the list of what goes wrong on it: console, scripts, requests refused or failed."""
    size, theme = SCREENS[screen]
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=theme, **options)
    page, wrong = context.new_page(), []
    page.on("console", lambda m: wrong.append(f"{page.url}: {m.type}: {m.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # which says that the browser went on meanwhile
            wrong.append(f"{page.url}: failed {request.url}: {request.failure}")

    def look(request):
        if not request.url.startswith((allowed, "data:")):
            wrong.append(f"{page.url}: requests {request.url}")

    page.on("requestfailed", failed)
    page.on("request", look)
    return page, wrong


def examine(site: Path, browser: Browser, screen: str, names: list[str]) -> list[str]:
    """What is wrong on these pages, on one of the SCREENS."""
    axe = (node_modules(make_site.SOURCE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page, wrong = new_page(browser, screen, "file://")
    page.add_init_script(axe)
    found = []
    for name in names:
        address = (site / name).as_uri()
        address += "#choose" if name == "index.html" else ""  # it would go on to an edition
        page.goto(address + ("?q=dropout" if name.endswith("/search.html") else ""))
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{name}: {wide} pixels wider than the window"] if wide > 0 else []
        found += [f"{name}: {one}" for one in page.evaluate(EXAMINE)]
    page.context.close()
    return [*wrong, *found]


if __name__ == "__main__":
    with chromium() as running:
        for name in SCREENS:
            print(name, *examine(make_site.BUILD / "site", running, name, sys.argv[1:]), sep="\n")
