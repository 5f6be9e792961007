"""How notebooks become pages of the website; tests/test_browser_site.py drives the whole site."""

import base64
import re
import struct
import subprocess
import sys

import nbformat
import pytest
from make_site import SOURCE
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from node_packages import has_node, node_modules
from notes import Asked, Option, Question
from website import mathematics, pages, questions, source_pages
from website.claims import Claim, read_claims
from website.course import ROOT, Lesson, launchers, public_repository, read_course
from website.headings import Sections
from website.notebooks import Staging, only_imports
from website.terms import Terms
from website.words import WORDS

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 64, 48) + b"\x08\x02\0\0\0"
GLOSSARY = [
    ["momentum", "動量", "β", "`momentum`", ""],
    ["rate", "率", "", "", ""],
    ["learning rate", "學習率", "η", "`lr`", ""],
    ["logits", "logits", "z", "`logits`", ""],
    ["query, key", "查詢、鍵", "", "", ""],
]


def notebook(*texts):
    return new_notebook(cells=[new_markdown_cell(text) for text in texts])


def lesson(**values):
    given = {"name": "start", "file": "03_start", "exercises": [], "seconds": 30.0}
    titles = {"en": "Start", "zh-TW": "開始"}
    return Lesson(**{**given, "titles": titles, "about": titles, **values})


@pytest.fixture
def sections():
    english = notebook(
        "# 03  Start", "## Why `x` (and *y*)?\n\n```\n# no heading\n```", "## Why `x`?"
    )
    chinese = notebook("# 03　開始", "## 為什麼 `x`？", "## 為什麼？")
    return {"start": Sections("start", {"en": english, "zh-TW": chinese})}


def test_anchors_are_those_of_the_english_headings(sections):
    assert sections["start"].anchors == ["start", "why-x-and-y", "why-x"]


def test_a_link_to_a_heading_is_understood_in_both_languages(sections):
    assert sections["start"].anchor("為什麼-x？") == "why-x-and-y"
    assert sections["start"].anchor("Why-x-%28and-y%29?") == "why-x-and-y"
    with pytest.raises(KeyError):
        sections["start"].anchor("nowhere")


def test_headings_that_do_not_correspond_are_refused():
    with pytest.raises(ValueError, match="different numbers of headings"):
        Sections("start", {"en": notebook("# A", "## B"), "zh-TW": notebook("# 甲")})


def test_links_between_notebooks_become_links_between_pages(sections, tmp_path):
    staging = Staging("en", sections, tmp_path)
    text = "[a](03_start.ipynb), [b](03_start.ipynb#Why-x?), [c](../03_start.ipynb) and [d](x.html)"
    assert staging.links(text) == (
        "[a](start.html), [b](start.html#why-x), [c](start.html) and [d](x.html)"
    )


def test_figures_become_files_that_are_shared(sections, tmp_path):
    image = (
        f'<img alt="A b" src="data:image/png;base64,{base64.b64encode(PNG).decode()}" style="x">'
    )
    output = new_output("display_data", {"text/html": image, "image/png": "…"})
    shown = Staging("en", sections, tmp_path).output(output).data
    (figure,) = tmp_path.iterdir()
    assert figure.read_bytes() == PNG and [*shown] == ["text/html"]
    assert (
        f'alt="A b" src="../../figures/{figure.name}" width="64" height="48"' in shown["text/html"]
    )
    Staging("zh-TW", sections, tmp_path).output(new_output("display_data", {"text/html": image}))
    assert [*tmp_path.iterdir()] == [figure]


def test_a_figure_without_alternative_text_is_refused(sections, tmp_path):
    output = new_output("display_data", {"text/html": '<img src="data:image/png;base64,AAAA">'})
    with pytest.raises(ValueError, match="without alternative text"):
        Staging("en", sections, tmp_path).output(output)


def test_solutions_set_up_and_imports_are_folded_and_nothing_else(sections, tmp_path):
    staging = Staging("zh-TW", sections, tmp_path)
    folded = {"solution": (["solution"], "x = 1"), "setup": (["setup"], "x = 1")}
    folded["imports"] = ([], "import os\n\nfrom re import sub")
    for kind, (tags, source) in folded.items():
        cell = staging.code(new_code_cell(source), tags, "losses")
        assert cell.metadata["mystnb"]["code_prompt_show"] == WORDS["zh-TW"][f"{kind}_show"]
        assert cell.metadata["tags"] == [kind, "hide-input"]
    for tags, source in (
        (["exercise"], "x = 1"),
        ([], "import os\nos.getcwd()"),
        ([], "# nothing"),
    ):
        assert "tags" not in staging.code(new_code_cell(source), tags, "losses").metadata
    assert not only_imports("")


def test_a_hint_is_what_the_exercise_says(sections, tmp_path):
    name, entry = next((lesson.name, lesson) for lesson in read_course(ROOT) if lesson.exercises)
    cell = f"# exercises.{entry.exercises[0]}.hint()  # stuck?"
    english, chinese = (Staging(e, sections, tmp_path).hint(name, cell) for e in ("en", "zh-TW"))
    assert english.startswith('<details class="hint fold"><summary>A hint') and len(english) > 100
    assert english != chinese and "提示" in chinese


def test_what_the_lecturer_asks_is_not_on_the_page_of_the_lesson(sections, tmp_path):
    asked = new_markdown_cell("<details>", metadata={"slideshow": {"slide_type": "notes"}})
    source = new_notebook(cells=[new_markdown_cell("# 03  Start"), asked, new_markdown_cell("End")])
    shown = Staging("en", sections, tmp_path).page(lesson(), source, "facts", "<a>Test</a>")
    assert [cell.source for cell in shown.cells] == [
        *("# 03  Start\n\nfacts\n\n", "End", '<p class="test-yourself"><a>Test</a></p>')
    ]


def test_a_page_of_questions_folds_its_answers_and_links_its_sections(sections):
    options = (Option("`a < b`", False, "Why *not*."), Option("c & d", True, "Because."))
    asked = {edition: Asked(5, "What?", options) for edition in ("en", "zh-TW")}
    bank = [Question("start.x.1", "Why `x`?", asked), Question("start.x.2", "Why `x`?", asked)]
    for edition, heading in (("en", "Why `x`?"), ("zh-TW", "為什麼？")):
        text = questions.page(lesson(), bank, edition, sections["start"])
        assert text.count("\n## ") == 1 and f"## [{heading}](../lessons/start.html#why-x)" in text
        assert text.count("<form") == 2 and text.count('name="q2"') == 2
        assert "<code>a &lt; b</code>" in text and "c &amp; d" in text
        assert all("\n\n" not in form for form in re.findall(r"(?s)<form.*?</form>", text))
    assert questions.anchors(bank, sections["start"]) == ["questions", "why-x"]
    assert questions.link(lesson(), [], "en") == ""
    assert "2 questions" in questions.link(lesson(), bank, "en")


def test_claims_have_sentence_and_anchor(sections, tmp_path):
    text = "Text.\n\n**Claim 1** It **holds**, always.\n\n**Claim 2** So does this."
    found = read_claims("no_such_lesson", notebook(text))
    assert found == [Claim(1, "It **holds**, always.", 0, 0), Claim(2, "So does this.", 0, 0)]
    shown = Staging("en", sections, tmp_path).prose(text)
    assert '<span id="claim-2"></span>**Claim 2** So' in shown


def test_the_record_says_how_many_claims_always_held():
    claims = [Claim(1, "", 10, 10), Claim(2, "", 9, 10)]
    assert (
        pages.record(claims, "en")
        == "held in all of 10 repetitions with other seeds: 1 of 2 claims"
    )
    assert pages.record(claims[:1], "en").startswith("each claim held in all of 10")
    assert pages.record([Claim(1, "", 0, 0), *claims], "en") == "" == pages.record([], "en")


def test_terms_are_found_whole_longest_first_and_only_if_they_say_something():
    english, chinese = Terms(GLOSSARY, "en"), Terms(GLOSSARY, "zh-TW")
    assert english.used("Learning  rates and a query. `momentum` $momentum$ rated, logits") == {
        "learning rate"
    }
    assert chinese.used("效率、學習率配上動量") == {"learning rate", "momentum"}
    assert (
        english.note(GLOSSARY[0]) == "動量 · β · momentum"
        and chinese.note(GLOSSARY[2]) == "learning rate · η · lr"
    )


def test_services_that_open_notebooks_need_a_public_repository(tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text("[project]\nname = 'x'\n[project.urls]\n")
    assert public_repository(tmp_path) == "" and launchers("", "notebooks/x.ipynb") == {}
    project.write_text(
        "[project]\nname = 'x'\n[project.urls]\nSource = 'git+https://github.com/a/b.git'\n"
    )
    address = public_repository(tmp_path)
    assert launchers(address, "notebooks/en/x.ipynb") == {
        "Colab": "https://colab.research.google.com/github/a/b/blob/HEAD/notebooks/en/x.ipynb",
        "Binder": "https://mybinder.org/v2/gh/a/b/HEAD?labpath=notebooks%2Fen%2Fx.ipynb",
    }
    assert launchers("https://example.org/a/b", "x.ipynb") == {}


def test_facts_name_what_is_there():
    shown = pages.facts(
        lesson(exercises=["one"]), [Claim(1, "", 0, 0)], "en", {"Get": "../../n/x.ipynb"}
    )
    assert "runs in ≈0.5 minutes" in shown and '<a href="../../n/x.ipynb" download>Get</a>' in shown
    assert "exercise" not in pages.facts(lesson(), [], "en", {})
    shown = pages.facts(lesson(teaching=40, practice=25), [], "en", {}, "<a>5 questions</a>")
    assert "40 minutes in class, 65 with the exercises" in shown and "<a>5 questions</a>" in shown
    assert "≈" not in pages.facts(lesson(seconds=None), [], "en", {})


def test_both_languages_have_the_same_words():
    assert WORDS["en"].keys() == WORDS["zh-TW"].keys()
    for name, english in WORDS["en"].items():
        chinese = WORDS["zh-TW"][name]
        assert type(english) is type(chinese), name
        if isinstance(english, dict):
            assert english.keys() == chinese.keys(), name
            assert all(words[part] for words in (english, chinese) for part in english), name
        else:
            assert english.strip() and chinese.strip(), name


def test_source_links_lead_to_the_line_of_the_definition():
    line = source_pages.lines("course_utils.training")["train_epoch"]
    text = source_pages.path_of("course_utils.training").read_text(encoding="utf-8").splitlines()
    assert text[line - 1].startswith("def train_epoch(")
    assert f'id="line-{line}"' in source_pages.page("course_utils.training")
    assert source_pages.address("course_utils.training", "no_such") is None


@pytest.mark.skipif(not has_node(), reason="no node and npm")
def test_formulas_are_set_and_wrong_ones_named(monkeypatch):
    monkeypatch.setenv("SITE_NODE_MODULES", str(node_modules(SOURCE)))
    assert "<math" in mathematics.render(r"\frac{1}{2}", True)
    with pytest.raises(ValueError, match=r"in the formula \\frac{"):
        mathematics.render(r"\frac{", False)


def test_notebooks_are_read_and_never_written():
    cell = new_code_cell("x = 1", outputs=[new_output("stream", name="stdout", text="1")])
    before = nbformat.writes(new_notebook(cells=[cell]))
    Staging("en", {}, ROOT).code(cell, [], "losses")
    assert nbformat.writes(new_notebook(cells=[cell])) == before


def follows_the_schema(*paths):
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
    ]
    return subprocess.run([*command, *paths], capture_output=True).returncode == 0


def test_workflows_follow_the_published_schema_and_pin_what_they_use(tmp_path):
    paths = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert {path.stem for path in paths} >= {"pages", "test"} and follows_the_schema(*paths)
    text = paths[0].read_text(encoding="utf-8")
    (tmp_path / "broken.yml").write_text(text.replace("runs-on:", "runs-at:"), encoding="utf-8")
    assert not follows_the_schema(tmp_path / "broken.yml")
    for path in paths:
        for used in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used), used
