"""Every slide of every offline deck, in a browser without a network: it fits, is large enough to read."""

import sys
import tempfile
from pathlib import Path

import make_site
import nbformat
import pytest
import slides
from build import FOLDERS, lesson_paths
from node_packages import has_node, node_modules
from notes import PROMPT, is_notes
from notes_rules import answers_in_sight
from playwright.sync_api import Page, sync_playwright
from test_browser import CHROMIUM

in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, see test_browser.py"),
    pytest.mark.skipif(not has_node(), reason="no npm, which fetches reveal.js and MathJax"),
]
DECKS = [(path.stem, language) for path in lesson_paths() for language in FOLDERS]

# The question of a slide, if it asks for a prediction, and what can be read after it before a step is taken.
LOOK = """prompt => Reveal.getSlides().map(slide => {
  const { h, v } = Reveal.getIndices(slide);
  Reveal.slide(h, v, -1);
  const asked = [...slide.querySelectorAll('.jp-RenderedMarkdown p, .jp-RenderedMarkdown li')]
    .filter(e => !e.closest('aside.notes') && new RegExp(prompt).test(e.textContent)).pop();
  const told = asked && !slide.querySelector('h1') && [...slide.querySelectorAll('.jp-CodeCell, .jp-OutputArea, p, li')]
    .filter(e => e.getClientRects().length && getComputedStyle(e).visibility === 'visible'
      && asked.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING && !e.closest('li:has(p)'));
  Reveal.slide(h, v, 99);
  const shown = e => e.getClientRects().length && !e.closest('aside.notes, .MathJax_Preview, .MJX_Assistive_MathML, .mjx-assistive-mathml');
  const all = [...slide.querySelectorAll('*')].filter(shown);
  const hidden = e => getComputedStyle(e).overflowX !== 'visible' && e.clientWidth &&
    !e.closest('mjx-container, .MathJax_CHTML, .mjx-chtml') ? e.scrollWidth - e.clientWidth : 0;
  const small = all.filter(e => e.matches('pre, code, td, th') && e.textContent.trim() &&
    parseFloat(getComputedStyle(e).fontSize) < 20);
  return {
    id: `${h}/${v}`,
    answer: told && told.length ? asked.textContent.slice(-60) + ' | ' + told[0].textContent.trim().slice(0, 60) : '',
    asks: Boolean(asked),
    notes: [...slide.querySelectorAll('aside.notes')].map(e => e.textContent.trim()).join(' '),
    on_slide: [...slide.querySelectorAll('aside.notes')].some(e => e.getClientRects().length),
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
    return page.evaluate(LOOK, "|".join(pattern.pattern for pattern in PROMPT.values()))


#: Every slide at once, as axe-core examines what is shown.
SPREAD = """() => {
  document.body.classList.add('measuring');
  document.querySelectorAll('.slides section').forEach(slide => {
    slide.removeAttribute('hidden'); slide.removeAttribute('aria-hidden');
  });
}"""
#: Text on its background, whose contrast axe-core does not measure outside of the window: 4.5, large text 3.
CONTRAST = """() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const color = numbers(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = new Map();
  for (const e of document.body.querySelectorAll('*')) {
    const own = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (!own || e.closest('script, style, svg, aside.notes, .MathJax_Preview, .mjx-assistive-mathml')) continue;
    const style = getComputedStyle(e), [one, other] = [numbers(style.color), behind(e)].map(light);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.7 && style.fontWeight >= 700);
    const enough = large ? 3 : 4.5;
    if (ratio < enough) found.set(`contrast ${ratio.toFixed(2)} of ${style.color}, ${e.className || e.tagName}`,
      e.textContent.trim().slice(0, 30));
  }
  return [...found].map(pair => pair.join(': '));
}"""
EXAMINE = """async () => {
  const rules = ['heading-order', 'empty-heading', 'image-alt', 'html-has-lang', 'html-lang-valid', 'document-title'];
  const { violations } = await axe.run(document, { runOnly: rules, preload: false });
  return violations.map(v => v.id + ': ' + v.nodes.length + ' times, ' + v.nodes.slice(0, 2).map(n =>
    n.target.join(' ') + ' ' + n.html.slice(0, 80)).join('; '));
}"""


def inaccessible(page: Page) -> list[str]:
    """What is wrong with the contrast of a page's text, and, says axe-core, its headings and pictures."""
    axe = node_modules(make_site.SOURCE) / "axe-core" / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    return [*page.evaluate(CONTRAST), *page.evaluate(EXAMINE)]


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
        or slide["answer"]
        or slide["on_slide"]
        or not slide["heading"]
    ]
    return [
        ", ".join(f"{key} {value}" for key, value in slide.items() if value and key != "notes")
        for slide in wrong
    ]


@pytest.mark.parametrize(("name", "language"), DECKS, ids=["-".join(deck) for deck in DECKS])
class TestEveryDeck:
    pytestmark = in_browser

    def test_fits_and_is_read_from_the_last_row(self, browser, folder, name, language):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        notebook = nbformat.read(FOLDERS[language] / f"{name}.ipynb", as_version=4)
        try:
            page = context.new_page()
            found = look(page, write(folder, name, language))
            page.evaluate(SPREAD)
            unreadable = inaccessible(page)
        finally:
            context.close()
        assert len(found) > 5
        assert not faults(found), "\n".join(faults(found))
        assert not unreadable, "\n".join(unreadable)
        asked = sum(map(is_notes, notebook.cells))
        assert sum(bool(slide["notes"]) for slide in found) >= min(asked, 1)
        for slide in found:
            assert "<details>" not in slide["notes"]


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


@pytest.mark.parametrize(("name", "language"), DECKS, ids=["-".join(deck) for deck in DECKS])
def test_a_prediction_does_not_show_its_answer(name, language):
    """In RISE as in the deck: what follows it on its slide takes another step."""
    notebook = nbformat.read(FOLDERS[language] / f"{name}.ipynb", as_version=4)
    assert [*answers_in_sight(notebook.cells, language)] == []


if __name__ == "__main__":  # python tests/test_slides.py NN_name [language]: every slide, measured
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        slides.write_vendor(Path(temporary))
        window = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = window.new_context(viewport={"width": 1280, "height": 720})
        for lesson in sys.argv[1:]:
            for language in FOLDERS:
                page = context.new_page()
                seen = look(page, write(Path(temporary), lesson, language))
                page.evaluate(SPREAD)
                print(lesson, language, len(seen), *faults(seen), *inaccessible(page), sep="\n")
                page.close()
