"""A lesson on paper: tagged, with title, outline, language, fonts inside; solutions only where meant."""

import re

import handouts
import nbformat
import pytest
from build import FOLDERS, lesson_paths
from lesson_rules import notebook_path
from notes import is_notes
from playwright.sync_api import sync_playwright
from test_browser import CHROMIUM
from test_slides import DECKS, in_browser, inaccessible, with_vendor

LESSON = notebook_path("start_here").stem


def pages(language: str) -> dict[bool, str]:
    notebook = nbformat.read(FOLDERS[language] / f"{LESSON}.ipynb", as_version=4)
    return {
        solved: handouts.page_of(notebook, language, "vendor", with_solutions=solved)
        for solved in (False, True)
    }


@pytest.mark.parametrize("language", FOLDERS)
def test_solutions_stand_only_where_they_are_meant(language):
    found = pages(language)
    assert "_solution" in found[True] and "_solution" not in found[False]
    for page in found.values():
        assert f'<html lang="{handouts.HTML_LANGUAGE[language]}"' in page
        assert 'src="https://' not in page and ".check(" not in re.sub(r"<[^>]+>", "", page)


class TestPrinted:
    pytestmark = in_browser

    def test_the_pdf_is_tagged_and_has_title_outline_and_fonts(self, tmp_path):
        with_vendor(tmp_path)
        (tmp_path / "page.html").write_text(pages("zh-TW")[False], encoding="utf-8")
        with handouts.chromium() as browser:
            handouts.print_page(browser, tmp_path / "page.html", tmp_path / "page.pdf")
        data = (tmp_path / "page.pdf").read_bytes()
        for part in (rb"/MarkInfo", rb"/StructTreeRoot", rb"/Outlines", rb"/Lang \(zh-Hant-TW\)"):
            assert re.search(part, data), part
        width, height = map(
            float, re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data).groups()
        )
        assert (round(width), round(height)) == (595, 842)  # A4 in points
        title = "從這裡開始".encode("utf-16-be").hex().upper().encode()
        assert title in data, "the title, and in the outline"
        assert re.search(rb"/FontFile\d?", data) and b"/ToUnicode" in data
        assert b"/Alt" in data  # of figures


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield window
        window.close()


@pytest.mark.parametrize(("name", "language"), DECKS, ids=["-".join(deck) for deck in DECKS])
class TestEveryHandout:
    pytestmark = in_browser

    def test_its_text_stands_out_and_its_headings_are_in_order(self, browser, name, language):
        notebook = nbformat.read(FOLDERS[language] / f"{name}.ipynb", as_version=4)
        html = handouts.page_of(notebook, language, "vendor", with_solutions=True)
        page = browser.new_page()
        try:
            page.set_content(html, wait_until="domcontentloaded")
            assert inaccessible(page) == []
        finally:
            page.close()


@pytest.mark.parametrize("language", FOLDERS)
def test_what_the_lecturer_asks_is_in_no_handout(language):
    (lesson,) = [path for path in lesson_paths() if path.stem == LESSON]
    notebook = nbformat.read(FOLDERS[language] / f"{lesson.stem}.ipynb", as_version=4)
    notes = [cell.source for cell in notebook.cells if is_notes(cell)]
    assert notes and all(note.startswith("<details><summary>") for note in notes)
    for page in pages(language).values():
        assert "<details>" not in page and "✗" not in page


def test_without_chromium_it_says_so(monkeypatch):
    monkeypatch.delenv("COURSE_CHROMIUM", raising=False)
    monkeypatch.setattr(handouts.shutil, "which", lambda name: None)
    with pytest.raises(handouts.LessonError, match="COURSE_CHROMIUM"), handouts.chromium():
        pass
