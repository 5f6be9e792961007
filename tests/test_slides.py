"""Every slide of every offline deck, in a browser without a network: it fits, is large enough to read."""

import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import slides
from build import FOLDERS, lesson_paths
from node_packages import has_node
from playwright.sync_api import Page, sync_playwright
from test_browser import CHROMIUM

in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, see test_browser.py"),
    pytest.mark.skipif(not has_node(), reason="no npm, which fetches reveal.js and MathJax"),
]
DECKS = [(path.stem, language) for path in lesson_paths() for language in FOLDERS]

LOOK = """() => Reveal.getSlides().map(slide => {
  const { h, v } = Reveal.getIndices(slide);
  Reveal.slide(h, v, 99);
  const shown = e => e.getClientRects().length && !e.closest('aside.notes, .MathJax_Preview, .MJX_Assistive_MathML, .mjx-assistive-mathml');
  const all = [...slide.querySelectorAll('*')].filter(shown);
  const hidden = e => getComputedStyle(e).overflowX !== 'visible' && e.clientWidth &&
    !e.closest('mjx-container, .MathJax_CHTML, .mjx-chtml') ? e.scrollWidth - e.clientWidth : 0;
  const small = all.filter(e => e.matches('pre, code, td, th') && e.textContent.trim() &&
    parseFloat(getComputedStyle(e).fontSize) < 20);
  return {
    id: `${h}/${v}`,
    heading: slide.querySelector('h1, h2, h3')?.textContent.replace('¶', '').trim() || '',
    down: Math.ceil(Math.max(...all.map(e => e.getBoundingClientRect().bottom)) - innerHeight),
    right: Math.ceil(Math.max(...all.map(e => e.getBoundingClientRect().right)) - innerWidth),
    hidden: Math.max(...all.map(hidden)),
    small: small.map(e => e.tagName + ' ' + e.textContent.slice(0, 30)),
    pictures: [...slide.querySelectorAll('img')].filter(e => !e.alt.trim() || !e.naturalWidth).length,
    empty: !slide.innerText.trim() && !slide.querySelector('img'),
    dollars: /\\$\\$/.test([...slide.querySelectorAll('.jp-RenderedMarkdown')].map(e => e.innerText).join('')),
  };
})"""


def look(page: Page, path: Path) -> list[dict]:
    """What stands on each slide, and how far it reaches beyond the window."""
    asked = []
    page.route(
        lambda url: not url.startswith(("file:", "data:")),
        lambda route: (asked.append(route.request.url), route.abort()),
    )
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.resolve().as_uri())
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    assert not asked, f"asked the network for {asked}"
    assert not errors, errors
    return page.evaluate(LOOK)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield window
        window.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return with_vendor(tmp_path_factory.mktemp("slides"))


def with_vendor(out: Path) -> Path:
    try:
        slides.write_vendor(out)
    except slides.LessonError as error:
        pytest.skip(f"no reveal.js and MathJax: {error}")
    return out


def write(out: Path, name: str, language: str) -> Path:
    notebook = nbformat.read(FOLDERS[language] / f"{name}.ipynb", as_version=4)
    path = out / language / name / "index.html"
    path.parent.mkdir(parents=True)
    path.write_text(slides.deck(notebook, language), encoding="utf-8")
    return path


def faults(found: list[dict]) -> list[str]:
    wrong = [
        slide
        for slide in found
        if slide["down"] > 0
        or slide["right"] > 0
        or slide["hidden"] > 1
        or slide["small"]
        or slide["pictures"]
        or slide["empty"]
        or slide["dollars"]
        or not slide["heading"]
    ]
    return [", ".join(f"{key} {value}" for key, value in slide.items() if value) for slide in wrong]


@pytest.mark.parametrize(("name", "language"), DECKS, ids=["-".join(deck) for deck in DECKS])
class TestEveryDeck:
    pytestmark = in_browser

    def test_fits_and_is_read_from_the_last_row(self, browser, folder, name, language):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        try:
            found = look(context.new_page(), write(folder, name, language))
        finally:
            context.close()
        assert len(found) > 5
        assert not faults(found), "\n".join(faults(found))


@pytest.mark.parametrize(("name", "language"), DECKS, ids=["-".join(deck) for deck in DECKS])
def test_a_deck_holds_no_solution_and_asks_nothing_of_the_network(name, language):
    notebook = nbformat.read(FOLDERS[language] / f"{name}.ipynb", as_version=4)
    page = slides.deck(notebook, language)
    assert "_solution" not in page
    cells = slides.shown(notebook).cells
    assert not any({"solution", "setup", "check"} & {*c.metadata.get("tags", [])} for c in cells)
    for tag in ('<script src="http', '<link href="http', "@import"):
        assert tag not in page
    assert f'<html lang="{language}">' in page


if __name__ == "__main__":  # python tests/test_slides.py NN_name [language]: every slide, measured
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        slides.write_vendor(Path(temporary))
        window = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = window.new_context(viewport={"width": 1280, "height": 720})
        for lesson in sys.argv[1:]:
            for language in FOLDERS:
                seen = look(context.new_page(), write(Path(temporary), lesson, language))
                print(lesson, language, len(seen), *faults(seen), sep="\n")
