"""The website, built from the committed notebooks and driven in a real browser."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag

import make_site
import nbformat
import pytest
from handouts import chromium
from node_packages import has_node
from notes import SUMMARY, read_questions
from playwright.sync_api import Browser
from site_checks import SAME_TEXT, SCREENS, Html, examine, new_page, served
from site_queries import QUERIES
from test_browser import CHROMIUM
from website import pages
from website.course import EDITIONS, FOLDERS, public_repository, read_course
from website.words import WORDS

ROOT = make_site.ROOT
LESSONS = read_course(ROOT)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, see test_browser.py"),
    pytest.mark.skipif(not has_node(), reason="no node and npm"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "a folder" / "site"
    make_site.main(["--out", str(out)])
    return out


@pytest.fixture(scope="module")
def html(site) -> dict[str, Html]:
    """Every page by its path; decks of slides, where they were made, have tests of their own."""
    found = {p.relative_to(site).as_posix(): p for p in sorted(site.rglob("*.html"))}
    return {name: Html(p) for name, p in found.items() if not name.startswith("slides/")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def test_both_editions_have_the_same_pages_and_anchors(html):
    anchors = {
        edition: {
            name.removeprefix(f"{edition}/"): [i for i in page.ids if not i.startswith("__")]
            for name, page in html.items()
            if name.startswith(f"{edition}/")
        }
        for edition in EDITIONS
    }
    assert anchors["en"].keys() == anchors["zh-TW"].keys()
    assert {lesson.page + ".html" for lesson in LESSONS} <= anchors["en"].keys()
    different = {
        name: set(found) ^ set(anchors["zh-TW"][name])
        for name, found in anchors["en"].items()
        if set(found) != set(anchors["zh-TW"][name])
    }
    assert not different


def test_links_and_anchors_lead_somewhere(site, html):
    broken = []
    for name, page in html.items():
        here = site / name
        assert len(page.ids) == len(set(page.ids)), f"{name}: two elements with one id"
        for link in [*page.links, *page.loads]:
            address, anchor = urldefrag(link)
            if address.startswith(("http://", "https://", "data:", "mailto:")):
                if link in page.loads:
                    broken.append(f"{name} loads {link}")
                continue
            target = (
                (here.parent / unquote(address.partition("?")[0])).resolve() if address else here
            )
            if not target.is_file():
                broken.append(f"{name}: {link}")
                continue
            shown = html.get(target.relative_to(site.resolve()).as_posix())
            if anchor and shown is not None and unquote(anchor) not in shown.ids:
                broken.append(f"{name}: {link}, no such anchor")
    assert not broken


def test_every_image_has_alternative_text_and_a_size(html):
    images = [(name, image) for name, page in html.items() for image in page.images]
    assert len(images) > 5 * len(LESSONS)
    for name, image in images:
        assert len(image["alt"]) > 10, f"{name}: {image}"
        assert image["width"].isdigit() and image["height"].isdigit(), f"{name}: {image}"


def test_a_lesson_shows_what_its_notebook_holds(site, html):
    for edition in EDITIONS:
        for lesson in LESSONS:
            path = ROOT / FOLDERS[edition] / f"{lesson.file}.ipynb"
            cells = nbformat.read(path, as_version=4).cells
            outputs = [o for c in cells if c.cell_type == "code" for o in c.outputs]
            shown = [o.get("data", {}).get("text/html", "") for o in outputs]
            page = html[f"{edition}/{lesson.page}.html"]
            figures = sum(text.startswith("<img") for text in shown)
            assert page.classes["lesson-figure"] == figures, lesson.name
            assert page.classes["table-scroll"] == sum("<table" in text for text in shown)
            tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
            assert page.classes["hint"] == tags.count("hint"), lesson.name
            assert page.classes["above-input"] >= tags.count("solution") + 1
            copy = site / FOLDERS[edition] / path.name
            assert copy.read_bytes() == path.read_bytes()
            assert f"../../{FOLDERS[edition]}/{path.name}" in page.links


def test_lessons_follow_each_other_in_order(site):
    for edition in EDITIONS:
        for lesson, following in pairwise(LESSONS):
            text = (site / edition / f"{lesson.page}.html").read_text(encoding="utf-8")
            assert f'<a class="next-page" rel="next" href="{following.name}.html">' in text


def test_mathematics_is_set_and_needs_no_script(site, html):
    formulas = 0
    for name, page in html.items():
        if "/lessons/" in name:
            formulas += page.classes["katex"]
            assert not page.classes["katex-error"]
            assert all("katex" not in path for path in page.loads if path.endswith(".js"))
            assert bool(page.classes["katex"]) == any(
                "katex.min.css" in path for path in page.loads
            )
    assert formulas > 200


def test_the_chinese_edition_speaks_chinese(site):
    for english in (
        "Back to top",
        "Skip to content",
        "On this page",
        "Toggle ",
        "[source]",
        "Link to this",
    ):
        pages_with_it = [
            path.name
            for path in (site / "zh-TW").rglob("*.html")
            if english in path.read_text(encoding="utf-8")
        ]
        assert not pages_with_it, english


def test_terms_lead_to_the_glossary(html):
    for edition in EDITIONS:
        for lesson in LESSONS:
            page = html[f"{edition}/{lesson.page}.html"]
            terms = [link for link in page.links if "glossary.html#term-" in link]
            assert len(terms) == len(set(terms)) == page.classes["term"], lesson.name
        assert len(terms) > 5
    rows = pages.read_glossary(ROOT)
    assert {pages.term_anchor(row[0]) for row in rows} <= set(html["en/glossary.html"].ids)


def test_services_are_named_only_where_the_repository_is_public(html):
    links = [link for page in html.values() for link in page.links]
    assert any("colab" in link for link in links) == bool(public_repository(ROOT))


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_is_accessible_and_quiet(site, html, browser, screen):
    """No serious or critical finding of axe-core, nothing in the console, nothing loaded from elsewhere,
    nothing wider than the window."""
    found = examine(site, browser, screen, [n for n in html if not n.startswith(SAME_TEXT[screen])])
    assert not found, f"{len(found)} findings:\n" + "\n".join(found[:40])


def test_the_search_finds_the_right_page_first(site, browser):
    wrong = []
    for edition, queries in QUERIES.items():
        assert len(queries) >= 30
        page, errors = new_page(browser, "wide, light", "file://")
        page.goto((site / edition / "search.html").as_uri())
        for query, wanted in queries.items():
            first = page.evaluate("query => (search(query)[0] || {}).page", query)
            if first not in ([wanted] if isinstance(wanted, str) else wanted):
                wrong.append(f"{edition}: {query} gives {first}, not {wanted}")
        assert not page.evaluate("search('qwxzj')") and not page.evaluate("search('鑫鱻龘')")
        page.context.close()
        wrong += errors
    assert not wrong


def test_the_search_is_used_by_keyboard(site, browser):
    page, wrong = new_page(browser, "narrow, dark", "file://")
    page.goto((site / "zh-TW" / "search.html").as_uri())
    page.keyboard.type("動量")
    first = page.locator("#search-results a").first
    first.wait_for()
    assert (
        "2" not in WORDS["zh-TW"]["num_found"]
        and "頁" in page.locator("#search-count").inner_text()
    )
    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.closest('#search-results')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lessons/*.html*")
    assert not wrong


def test_a_term_says_its_other_name_and_stays_on_the_page(site, browser):
    page, wrong = new_page(browser, "narrow, dark", "file://")
    page.goto((site / "en" / f"{LESSONS[1].page}.html").as_uri())
    page.keyboard.press("Tab")  # from now on, what has the focus is shown
    notes = page.locator("a.term:visible").evaluate_all(
        """all => all.map(term => { term.focus(); return [term.dataset.note,
        getComputedStyle(term, '::after').content, document.documentElement.scrollWidth]; })"""
    )
    assert len(notes) > 5 and not wrong
    for note, shown, width in notes:
        assert note and shown == json.dumps(note, ensure_ascii=False) and width <= 390, (
            note,
            shown,
        )


def test_the_other_edition_opens_at_the_same_place(site, browser):
    lesson = LESSONS[-1]
    with served(site.parent.parent) as address:
        page, wrong = new_page(browser, "wide, light", address)
        page.goto(f"{address}/a%20folder/site/en/{lesson.page}.html")
        anchor = page.evaluate(
            """() => { const all = [...document.querySelectorAll('article section[id]')];
            const one = all[Math.floor(all.length / 2)]; one.scrollIntoView({behavior: "instant"});
            return one.id; }"""
        )
        page.locator("a.language-switch").first.click()
        page.wait_for_url(f"**/zh-TW/{lesson.page}.html#{anchor}")
        page.wait_for_function(
            "id => Math.abs(document.getElementById(id).getBoundingClientRect().top) < 200",
            arg=anchor,
        )
        assert not wrong
        page.goto(f"{address}/a%20folder/site/", wait_until="commit")  # which goes on at once
        page.wait_for_url("**/zh-TW/index.html")
        page.context.close()


def test_solutions_open_by_hand_and_on_paper(site, browser):
    lesson = next(lesson for lesson in LESSONS if lesson.exercises)
    page, wrong = new_page(browser, "wide, light", "file://")
    page.goto((site / "en" / f"{lesson.page}.html").as_uri())
    fold = page.locator("details", has_text=WORDS["en"]["solution_show"]).first
    code = fold.locator("pre")
    assert not code.is_visible()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert code.is_visible()
    page.keyboard.press("Enter")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert code.is_visible() and page.locator("details.hint p").first.is_visible()
    assert not page.get_by_text(WORDS["en"]["setup_show"]).is_visible()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not code.is_visible() and not wrong


ASKED = {
    lesson.name: read_questions(ROOT / "lessons" / f"{lesson.file}.py")[0] for lesson in LESSONS
}


def test_what_a_lesson_asks_stands_on_a_page_of_its_own(site, html):
    for edition in EDITIONS:
        for lesson in LESSONS:
            name = f"{edition}/questions/{lesson.name}.html"
            lesson_page = html[f"{edition}/{lesson.page}.html"]
            text = (site / edition / f"{lesson.page}.html").read_text(encoding="utf-8")
            folds = [words.partition(" (")[0].partition("（")[0] for words in SUMMARY.values()]
            assert not any(words in text for words in folds)
            links = lesson_page.links.count(f"../questions/{lesson.name}.html")
            assert (name in html) == bool(ASKED[lesson.name]) and links == 2 * (name in html)
            if name in html:
                assert html[name].classes["question"] == len(ASKED[lesson.name])
                index = (site / edition / "search-index.js").read_text(encoding="utf-8")
                assert "questions/" not in index


@pytest.mark.parametrize("screen", SCREENS)
def test_a_question_is_answered_by_keyboard_and_then_says_why(site, browser, screen):
    lesson = next(lesson for lesson in LESSONS if ASKED[lesson.name])
    asked = ASKED[lesson.name][0].asked["en"]
    page, wrong = new_page(browser, screen, "file://")
    page.goto((site / "en" / "questions" / f"{lesson.name}.html").as_uri())
    form = page.locator("form.question").first
    assert form.get_by_role("group", name=asked.text.replace("`", "")).is_visible()
    answer, said = form.locator("details"), form.locator(".said")
    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.closest('form.question')"):
        page.keyboard.press("Tab")
    for index, option in enumerate(asked.options):
        form.locator("input").nth(index).focus()
        page.keyboard.press("Space")
        assert index or not answer.is_visible(), "an answer before it was asked for"
        page.keyboard.press("Enter")  # as in any form
        assert answer.locator("li").nth(index).is_visible()
        verdict = WORDS["en"]["is_right" if option.is_right else "is_wrong"]
        assert said.inner_text() == verdict + option.why.replace("`", "")
        assert answer.locator("li.chosen").count() == 1
    assert not wrong


def test_answers_are_read_without_scripts(site, browser):
    lesson = next(lesson for lesson in LESSONS if ASKED[lesson.name])
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "zh-TW" / "questions" / f"{lesson.name}.html").as_uri())
    fold = page.locator("form.question details").first
    assert not page.locator(".reveal").first.is_visible()
    fold.locator("summary").click()
    assert fold.locator("li").first.is_visible()
    context.close()


def test_lessons_are_read_without_scripts(site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "en" / f"{LESSONS[0].page}.html").as_uri())
    assert page.locator("article h1").is_visible() and page.locator("article pre").count() > 3
    context.close()


def test_a_lesson_keeps_to_its_budget(site, browser, capsys):
    """At most 120 kB compressed without figures, and few requests; how fast it shows is printed."""
    sizes = make_site.weights(site)
    assert len(sizes) == len(EDITIONS) * len(LESSONS)
    heaviest = max(sizes, key=sizes.get)
    with served(site) as address:
        page, wrong = new_page(browser, "wide, light", address)
        page.goto(f"{address}/{heaviest}", wait_until="networkidle")
        painted = "performance.getEntriesByName('first-contentful-paint').length"
        page.wait_for_function(painted)
        measured = json.loads(
            page.evaluate(
                """() => JSON.stringify({
                requests: performance.getEntriesByType('resource').length + 1,
                paint: performance.getEntriesByName('first-contentful-paint')[0].startTime})"""
            )
        )
        page.context.close()
    with capsys.disabled():
        print(
            f"\n{heaviest}: {sizes[heaviest] / 1000:.0f} kB compressed without figures, "
            f"{measured['requests']} requests, first contentful paint after {measured['paint']:.0f} ms"
        )
    assert sizes[heaviest] <= make_site.MAX_BYTES
    assert measured["requests"] <= 40 and not wrong
