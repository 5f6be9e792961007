"""A lesson on paper: tagged, with title, outline, language, fonts inside; solutions only where meant."""

import re

import handouts
import nbformat
import pytest
from build import FOLDERS
from lesson_rules import notebook_path
from test_slides import in_browser, with_vendor

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


def test_without_chromium_it_says_so(monkeypatch):
    monkeypatch.delenv("COURSE_CHROMIUM", raising=False)
    monkeypatch.setattr(handouts.shutil, "which", lambda name: None)
    with pytest.raises(handouts.LessonError, match="COURSE_CHROMIUM"), handouts.chromium():
        pass
