"""The builder writes the same notebook twice, loses nothing, and notices drift."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import build
import nbconvert
import nbformat
import pytest
import run_tests
from lesson_rules import notebook_path
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.language import get_language
from course_utils.mnist import load_mnist

ROOT = build.ROOT
TITLES = """
# %% [markdown] lang="zh-TW" about="一個例子" slideshow={"slide_type": "slide"}
# # 例子

# %% [markdown] lang="en" about="an example" slideshow={"slide_type": "slide"}
# # An example

"""
LESSON = (
    TITLES
    + """
# %% lang="zh-TW" tags=["setup"]
from course_utils.notebook import set_up
set_up("example", language="zh-TW")

# %% lang="en" tags=["setup"]
from course_utils.notebook import set_up
set_up("example", language="en")

# %%
from course_utils.notebook.claims import claim
claim(1, 1 + 1 == 2)
print("two is 2 and pi is ≈3.14159")

# %% alt-zh="一條「上升」的線" alt-en="A line that goes \\"up\\"" slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
lines = plt.plot([1, 2], [1, 2])

# %% tags=["check"]
from tqdm.auto import tqdm
from course_utils.progress_bar import progress_bar
total = sum(progress_bar(range(3), "adding"))

# %% tags=["solution"]
# One possible answer.
answer = 42
"""
)


@pytest.fixture(scope="module", autouse=True)
def kernels_import_this_checkout():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A course of one lesson in a temporary folder; returns a function that (re)writes it."""
    folders = {"zh-TW": tmp_path / "notebooks", "en": tmp_path / "notebooks" / "en"}
    for folder in ("lessons", "notebooks/en", "course_utils/notebook"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "FOLDERS", folders)
    path = tmp_path / "lessons" / "99_example.py"

    def write(text=LESSON):
        path.write_text(text.lstrip(), encoding="utf-8")
        build.renew_derived_files()
        return path

    return write


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Both editions of the example, built once: language -> bytes."""
    folder = tmp_path_factory.mktemp("built")
    path = folder / "99_example.py"
    path.write_text(LESSON.lstrip(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "FOLDERS", {"zh-TW": folder, "en": folder / "en"})
        (folder / "en").mkdir()
        for language in build.FOLDERS:
            build.build(path, language)
        return {
            language: (where / "99_example.ipynb").read_bytes()
            for language, where in build.FOLDERS.items()
        }


def test_each_edition_speaks_its_language(built):
    chinese, english = (nbformat.reads(built[k].decode(), as_version=4) for k in ("zh-TW", "en"))
    assert [c.id for c in chinese.cells] == [c.id for c in english.cells]
    assert chinese.cells[0].source == "# 99　例子\n\n[English edition](en/99_example.ipynb)"
    assert english.cells[0].source == "# 99  An example\n\n[中文版](../99_example.ipynb)"
    assert "主張 1" in chinese.cells[2].outputs[0].text
    assert "Claim 1" in english.cells[2].outputs[0].text
    assert "lang" not in str([c.metadata for c in chinese.cells])


def test_figures_carry_the_authored_alt_text(built):
    for language, alt in (("zh-TW", "一條「上升」的線"), ("en", "A line that goes &quot;up&quot;")):
        cell = nbformat.reads(built[language].decode(), as_version=4).cells[3]
        (output,) = cell.outputs
        assert f'alt="{alt}"' in output.data["text/html"]
        assert set(output.data) == {"text/html", "image/png", "text/plain"}


def exported(built, form):
    """What ``jupyter nbconvert --to form`` writes of the English edition, and the files beside it.

    Of its code cells only: Markdown cells become LaTeX by pandoc, which not every machine has.
    """
    notebook = nbformat.reads(built["en"].decode(), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    files = {"unique_key": "99", "output_files_dir": "99_files"}
    return nbconvert.get_exporter(form)().from_notebook_node(notebook, files)


@pytest.mark.parametrize("form", ["html", "slides", "markdown"])
def test_exports_show_the_figure_once_with_its_alternative_text(form, built):
    content, _ = exported(built, form)
    images = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: images.append(dict(attributes))
    parser.feed(content)
    (image,) = [image for image in images if image.get("src", "").startswith("data:image/png")]
    assert image["alt"] == 'A line that goes "up"'
    assert base64.b64decode(image["src"].partition(",")[2]).startswith(b"\x89PNG")
    assert "![png]" not in content


def test_latex_shows_the_figure(built):
    content, resources = exported(built, "latex")
    ((name, png),) = resources["outputs"].items()
    assert re.search(rf"\\adjustimage{{[^\n]*}}{{{re.escape(name)}}}", content)
    assert png.startswith(b"\x89PNG")


def test_metadata_for_nbgrader_slides_and_collapsed_solutions(built):
    cells = nbformat.reads(built["en"].decode(), as_version=4).cells
    assert cells[4].metadata.nbgrader.grade_id == "example-004"
    assert cells[4].outputs == [], "a progress bar is silent under the builder"
    assert cells[5].metadata.jupyter.source_hidden is True
    assert cells[3].metadata.slideshow.slide_type == "subslide"


def test_a_check_is_followed_by_a_hint_that_stays_free_when_the_check_is_locked(place):
    check = 'tags=["check"]\nexercises.sort.check(sort)\n\n# %%'
    lesson = place(re.sub(r'tags=\["check"\](?s:.*?)# %%', check, LESSON))
    for language, first_words in (("en", "stuck? delete"), ("zh-TW", "卡住了嗎？拿掉")):
        check, hint, solution = build.edition(lesson, language).cells[4:7]
        assert check.source == "exercises.sort.check(sort)" and check.metadata.nbgrader["locked"]
        assert hint.source.startswith(f"# exercises.sort.hint()  # {first_words}")
        assert hint.metadata == {"tags": ["hint"], "slideshow": {"slide_type": "skip"}}
        assert (hint.id, solution.id) == ("example-004-hint", "example-005")
        assert hint.outputs == [], "the notebook shows no hint by itself"


def test_a_notebook_shows_neither_where_a_cell_is_saved_nor_its_blank_lines(place):
    tags = '# %% saved="x"\nfrom course_utils.notebook.claims'
    text = LESSON.replace("# %%\nfrom course_utils.notebook.claims", tags)
    lesson = place(text.replace("\n\n# %% alt-zh", "\n# %% alt-zh"))
    assert build.edition(lesson, "en").cells[2].metadata == {}


def test_a_link_that_leads_nowhere_is_said_with_the_file_it_is_in(place):
    lesson = place()
    lesson.write_text(LESSON.lstrip() + '\n# %% [markdown] lang="en"\n# See [[nowhere]].\n')
    with pytest.raises(build.BuildError, match=r"99_example\.py: .*nowhere"):
        build.edition(lesson, "en")


def test_a_kernel_hears_the_builder_rather_than_its_caller(monkeypatch, tmp_path):
    heard = {}
    client = SimpleNamespace(execute=lambda env: heard.update(env))
    monkeypatch.setattr(build, "NotebookClient", lambda *_, **__: client)
    for name in ("COURSE_SEED_OFFSET", "OMP_NUM_THREADS", "COURSE_PROGRESS"):
        monkeypatch.setenv(name, "3")
    build.execute(None, tmp_path, build.BUILD_ENVIRONMENT)
    assert heard["COURSE_SEED_OFFSET"] == "0" and heard["PATH"] == os.environ["PATH"]
    assert (heard["OMP_NUM_THREADS"], heard["COURSE_PROGRESS"]) == ("1", "off")


@pytest.mark.parametrize("tag", ["setup", "exercise", "check", "hint", "solution"])
def test_a_record_belongs_to_no_cell_that_readers_change(tag):
    cells = [nbformat.v4.new_code_cell(source) for source in ("a = 1", "b = 2", "c = 3")]
    whole = build.digests_of(SimpleNamespace(cells=cells))
    cells[1].metadata.tags = [tag, "other"]
    assert build.digests_of(SimpleNamespace(cells=cells)).split() == whole.split()[::2]
    cells[1].metadata.tags = ["timing"]
    assert build.digests_of(SimpleNamespace(cells=cells)) == whole


def test_building_twice_gives_the_same_bytes(built, place):
    build.build(place(), "en")
    again = (build.FOLDERS["en"] / "99_example.ipynb").read_bytes()
    assert again == built["en"]
    assert not re.search(rb"20\d\d-\d\d-\d\dT|/tmp/", again), "no time stamps, no paths"


@pytest.mark.parametrize(
    ("bad_cell", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("claim(2, False)", "Claim 2 did not hold"),
        ("object()", "no other run repeats"),
        ("import matplotlib.pyplot as plt\nplt.subplots()[1]", "no other run repeats"),
        ("import sys\nprint('noise', file=sys.stderr)", "stderr"),
        ("import matplotlib.pyplot as plt\nlines = plt.plot([1])", "no alt-zh"),
    ],
)
def test_a_bad_cell_is_named_and_the_old_notebook_stays(bad_cell, message, place):
    target = build.FOLDERS["en"] / "99_example.ipynb"
    target.write_text("the old notebook")
    path = place(f"{LESSON.split('# %% alt-zh')[0]}# %%\n{bad_cell}\n")
    with pytest.raises(build.BuildError, match="99_example") as caught:
        build.build(path, "en")
    assert message in str(caught.value)
    assert bad_cell.splitlines()[-1][:10] in str(caught.value) or "example-003" in str(caught.value)
    assert target.read_text() == "the old notebook"
    assert [p.name for p in target.parent.iterdir()] == ["99_example.ipynb"]


def put(built):
    for language, folder in build.FOLDERS.items():
        (folder / "99_example.ipynb").write_bytes(built[language])


def test_no_drift_where_nothing_changed(built, place, capsys):
    place()
    put(built)
    build.check()
    assert "2 notebooks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("claim(1, 1 + 1 == 2)", "claim(1, 1 + 1 == 2.0)"),
        ("# # An example", "# # 99  Another example"),
        ('"subslide"', '"slide"'),
        ("goes", "climbs"),
        ("# %% tags", "# %%\nextra = 1\n\n# %% tags"),
    ],
)
def test_a_lesson_edited_without_rebuilding_fails(old, new, built, place):
    place(LESSON.replace(old, new, 1))
    put(built)
    with pytest.raises(SystemExit, match="make notebooks"):
        build.check()


@pytest.mark.parametrize("language", build.FOLDERS)
def test_a_notebook_built_without_full_mnist_fails(language, built, place, monkeypatch):
    place()
    put(built)
    path = build.FOLDERS[language] / "99_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    printed = (o for cell in notebook.cells[2:] for o in cell.get("outputs", []) if "text" in o)
    output = next(printed)  # not the set-up cell's, which says the minutes
    monkeypatch.setattr("course_utils.language._current", language)
    for tier, passes in (("full", True), ("embedded", False)):
        output.text = load_mnist("embedded")._replace(tier=tier).banner() + "\n"
        build.finish(notebook, path)
        nbformat.write(notebook, path)
        if passes:
            build.check()
        else:
            with pytest.raises(SystemExit, match=f"{path.name} was built without full MNIST"):
                build.check()


def test_outputs_changed_by_hand_fail(built, place):
    place()
    changed = built["en"].replace(b' "two is 2', b' "two is 3')
    put({**built, "en": changed})
    with pytest.raises(SystemExit, match=r"99_example\.ipynb: its outputs were changed by hand"):
        build.check()


@pytest.mark.parametrize("edit", ["other code", "<<<<<<< HEAD"])
def test_a_notebook_edited_by_hand_is_not_replaced_unless_asked(edit, built, place, monkeypatch):
    place()
    put(built)
    done = []
    monkeypatch.setattr(build, "Parallel", lambda **_: lambda calls: (5 for call in calls))
    monkeypatch.setattr(build, "build", lambda lesson, language: done.append(language))
    monkeypatch.setattr(build, "delayed", lambda function: function)
    monkeypatch.setattr(sys, "argv", ["build.py"])
    build.main()
    assert done == ["zh-TW", "en"], "as shipped, they are built"
    path = build.FOLDERS["en"] / "99_example.ipynb"
    path.write_bytes(built["en"].replace(b"answer = 42", edit.encode().replace(b'"', b"")))
    if edit.startswith("<"):
        path.write_bytes(edit.encode() + built["en"])
    with pytest.raises(SystemExit, match=r"edited by hand: notebooks/en/99_.*--overwrite"):
        build.main()
    assert done == ["zh-TW", "en"]
    monkeypatch.setattr(sys, "argv", ["build.py", "--overwrite"])
    build.main()
    assert done == ["zh-TW", "en"] * 2


def test_a_set_up_cell_begins_with_the_one_line_that_the_builder_extends(place):
    path = place(LESSON.replace("import set_up\nset_up", "import set_up  # as always\nset_up"))
    with pytest.raises(build.BuildError, match="a set-up cell begins 'from"):
        build.edition(path, "en")


def test_what_is_missing_and_what_has_no_lesson_fails(built, place):
    folder = place().parents[1] / build.SOLUTIONS
    put(built)
    (folder / "__init__.py").touch()
    (folder / "example.py").rename(folder / "old.py")
    (build.FOLDERS["en"] / "99_example.ipynb").rename(build.FOLDERS["en"] / "98_old.ipynb")
    with pytest.raises(SystemExit, match=r"(?s)99_example.ipynb is missing.*98_old") as said:
        build.check()
    assert "solutions/old.py has no lesson" in str(said.value)
    assert "solutions/example.py is not what the lessons say" in str(said.value)
    assert "__init__" not in str(said.value)


def test_links_and_prose_are_renewed_and_outputs_kept(built, place):
    put(built)
    target = build.FOLDERS["en"] / "99_example.ipynb"
    before = nbformat.read(target, as_version=4)
    lesson = place(LESSON.replace("# # An example", "# # Another one").replace("goes", "climbs"))
    build.renew_links(lesson, "en")
    after = nbformat.read(target, as_version=4)
    assert after.cells[0].source.startswith("# 99  Another one\n")
    assert 'alt="A line that climbs &quot;up&quot;"' in after.cells[3].outputs[0].data["text/html"]
    for old, new in zip(before.cells, after.cells, strict=True):
        assert old.get("execution_count") == new.get("execution_count")
    assert [cell.get("outputs") for cell in before.cells[:3]] == [
        cell.get("outputs") for cell in after.cells[:3]
    ]
    assert build.drift(lesson, "en") is None
    kept = target.read_bytes()
    with pytest.raises(build.BuildError, match="the code of 99_example changed; build it"):
        build.renew_links(place(LESSON.replace("answer = 42", "answer = 43")), "en")
    assert target.read_bytes() == kept


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_minutes_and_lessons_are_put_into_what_was_printed(place, monkeypatch, language):
    lesson = place()
    said = []

    def table(lessons):
        assert [*lessons] == ["example"]
        said.append(get_language())
        return SimpleNamespace(data="new table")

    monkeypatch.setattr(build, "lesson_table", table)
    monkeypatch.setattr(
        build, "welcome", lambda entry, device: f"{entry['en']} on {device}, {get_language()}"
    )
    before = get_language()

    def renewed(output, source="x = 1", **metadata):
        cell = new_code_cell(source, metadata=metadata)
        build.renew(output, cell, new_notebook(), lesson, language)
        return output.get("text") or output.data["text/markdown"]

    old = "Device: cuda. It takes 3 minutes.\nRandom seeds are other ones.\n"
    new = f"An example on cuda, {language}\nRandom seeds are other ones.\n"
    assert renewed(printed(old), tags=["setup"]) == new
    assert renewed(printed(old)) == old
    assert renewed(shown(text_markdown="old table"), "lesson_table()") == "new table"
    assert renewed(shown(text_markdown="another"), "other_table()") == "another"
    assert said == [language] and get_language() == before


def test_what_prints_other_minutes_than_are_known_is_drift_until_it_is_renewed(
    built, place, monkeypatch
):
    lesson = place()
    put(built)
    monkeypatch.setattr(build, "welcome", lambda entry, device: "It takes 123 minutes.")
    assert "prints other lessons than there are, or other minutes" in build.drift(lesson, "en")
    monkeypatch.setattr(build, "build", lambda *edition: pytest.fail("nothing is to be executed"))
    build.renew_links(lesson, "en")
    assert build.drift(lesson, "en") is None


NOTES = """
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 猜
#
# 想一想：多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Guess
#
# Predict: how many?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）`a * b` 是多少？
#
# - ✓ 六。*二乘三。*
# - ✗ 五。*二加三。*
# - ✗ 一。*三減二。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) What is `a * b`?
#
# - ✓ Six. *Twice three.*
# - ✗ Five. *Adds.*
# - ✗ One. *Subtracts.*

# %%
six = 2 * 3

# %% [markdown] lang="zh-TW"
# 是六。

# %% [markdown] lang="en"
# It is six.

# %% slideshow={"slide_type": "subslide"}
seven = 7
"""


def test_notes_are_folded_and_what_follows_a_prediction_is_a_fragment(place):
    lesson = place(LESSON + NOTES)
    for language, fold in (("en", "for the class (3 min)"), ("zh-TW", "課堂提問（3 分鐘）")):
        prompt, asked, code, told, last = build.edition(lesson, language).cells[-5:]
        assert fold in asked.source and asked.source.startswith("<details><summary>")
        assert asked.metadata.slideshow.slide_type == "notes"
        assert "`a * b`" in asked.source and "\n- ✓ " in asked.source
        assert code.metadata.slideshow.slide_type == "fragment"
        assert "slideshow" not in told.metadata  # it goes on with the fragment
        assert prompt.metadata.slideshow.slide_type == "slide"
        assert last.metadata.slideshow.slide_type == "subslide"
    with pytest.raises(build.BuildError, match=r"99_example\.py: give it one ✓"):
        build.edition(place(LESSON + NOTES.replace("✓ Six", "✗ Six")), "en")


def test_a_notebook_follows_the_number_of_its_lesson_and_never_replaces_another(place):
    folder = build.FOLDERS["en"]
    (folder / "98_example.ipynb").write_text("its work")
    place()
    assert (folder / "99_example.ipynb").read_text() == "its work"
    assert not (folder / "98_example.ipynb").exists()
    for orphan in ("97_example", "98_old"):  # its lesson has a notebook; it has no lesson
        (folder / f"{orphan}.ipynb").write_text("other work")
        with pytest.raises(build.BuildError, match=rf"en/{orphan}\.ipynb has no lesson; remove it"):
            build.renew_derived_files()
        (folder / f"{orphan}.ipynb").unlink()
    assert (folder / "99_example.ipynb").read_text() == "its work"


# --- what may stay in an output


def a_cell(*outputs, **metadata):
    cell = nbformat.v4.new_code_cell("1", outputs=list(outputs), id="example-007")
    cell.metadata.update(metadata)
    return cell


def printed(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(**data):
    data = {kind.replace("_", "/"): text for kind, text in data.items()}
    return nbformat.v4.new_output("display_data", data=data)


FIGURE = '<img alt="matplotlib figure" src="data:image/svg+xml;base64,PHN2Zz4=">'


@pytest.mark.parametrize(
    "text",
    [
        "saved at /tmp/xyz/figure.png",
        "<object object at 0x7f00ab>",
        "<Axes: xlabel='x'>",
        '<td id="T_0a1b2_row0_col1">',
    ],
)
def test_a_bad_cell_prints_what_no_other_run_repeats_wherever_it_stands(text):
    for output in (printed(text), shown(text_plain=text), shown(text_html=text)):
        cell = a_cell(printed("before"), output)
        with pytest.raises(build.BuildError, match=r"example-007 prints .* no other run repeats"):
            build.clean_outputs(cell)


@pytest.mark.parametrize(
    "text", ["0xff00f is a color", "in tmp/ or /tmpfs/", "T_01234", '<td id="T_x">', "Axes", ""]
)
def test_what_only_looks_like_a_bad_cell_stays(text):
    cell = a_cell(printed(text), shown(text_plain=text, text_html=text))
    before = json.dumps(cell)
    build.clean_outputs(cell)
    assert json.dumps(cell) == before


def test_figures_may_hold_any_letters_where_a_bad_cell_may_not():
    picture = '<img src="data:image/png;base64,abc/tmp/0x7f00ab12">'
    build.clean_outputs(a_cell(shown(text_html=picture)))
    with pytest.raises(build.BuildError, match="'/tmp/'"):
        build.clean_outputs(a_cell(shown(text_html=picture + " /tmp/")))


@pytest.mark.parametrize(
    "output",
    [
        printed("a warning", "stderr"),
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
    ],
    ids=["stderr", "error"],
)
def test_a_bad_cell_has_errors_or_warnings_among_its_outputs(output):
    with pytest.raises(build.BuildError, match="example-007 printed to stderr or failed"):
        build.clean_outputs(a_cell(printed("fine"), output))


@pytest.mark.parametrize(
    ("alt", "written"),
    [
        ("plain", "plain"),
        ('a "quoted" one', "a &quot;quoted&quot; one"),
        ("1 < 2 & 'so on'", "1 &lt; 2 &amp; &#x27;so on&#x27;"),
        (r"\alpha\1 and \g<0>", r"\alpha\1 and \g&lt;0&gt;"),
        ("一條線：≈ 3", "一條線：≈ 3"),
    ],
)
def test_figures_get_an_alt_text_of_any_letters_as_it_is(alt, written):
    cell = a_cell(shown(text_html=FIGURE), shown(text_html="<b>no figure</b>"), alt=alt)
    build.clean_outputs(cell)
    assert cell.outputs[0].data["text/html"] == FIGURE.replace("matplotlib figure", written)
    assert cell.outputs[1].data["text/html"] == "<b>no figure</b>"


def test_only_the_first_alt_of_a_figure_is_its_own():
    cell = a_cell(shown(text_html=FIGURE + '<i alt="inner">'), alt="new")
    build.clean_outputs(cell)
    assert cell.outputs[0].data["text/html"].count('alt="new"') == 1
    assert 'alt="inner"' in cell.outputs[0].data["text/html"]


def test_figures_need_an_alt_text_and_widgets_leave_their_text_alone():
    with pytest.raises(build.BuildError, match="example-007 draws a figure and has no alt-zh"):
        build.clean_outputs(a_cell(shown(text_html=FIGURE)))
    output = nbformat.v4.new_output(
        "display_data", data={build.WIDGET: {"model_id": "x"}, "text/plain": "a slider"}
    )
    cell = a_cell(output)
    build.clean_outputs(cell)
    assert cell.outputs[0].data == {"text/plain": "a slider"}


@pytest.mark.parametrize("language", build.FOLDERS)
def test_figures_whose_alt_text_drifts_in_the_notebook_alone_fail(language, built, place):
    place()
    put(built)
    path = build.FOLDERS[language] / "99_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    data = notebook.cells[3].outputs[0].data
    data["text/html"] = re.sub('alt="[^"]*"', 'alt="another"', data["text/html"])
    nbformat.write(notebook, path)
    with pytest.raises(SystemExit, match=r"example-003: its figure has another alt text"):
        build.check()


@pytest.mark.parametrize(
    "change",
    [
        lambda notebook: notebook.cells.pop(),
        lambda notebook: notebook.cells.append(nbformat.v4.new_markdown_cell("more")),
        lambda notebook: notebook.metadata.update(author="me"),
        lambda notebook: notebook.cells[2].update(source="pass"),
        lambda notebook: notebook.cells[2].update(id="other"),
        lambda notebook: notebook.cells[0].update(cell_type="raw"),
        lambda notebook: notebook.cells[4].metadata.pop("nbgrader"),
    ],
    ids=["cell lost", "cell more", "metadata", "source", "id", "kind", "nbgrader"],
)
def test_drift_of_a_notebook_changed_by_hand_fails(change, built, place):
    place()
    put(built)
    path = build.FOLDERS["en"] / "99_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)
    with pytest.raises(SystemExit, match=r"99_example\.ipynb"):
        build.check()


# --- the command


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """A course of three lessons and a stand-in for building; returns a function that calls main."""
    (tmp_path / "lessons").mkdir()
    for name in ("01_one", "02_two", "10_ten"):
        write_lesson(tmp_path, name)
    (tmp_path / "lessons" / "notes.py").write_text("")
    catalogue = tmp_path / "course_utils" / "notebook" / "lessons.json"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text('{"two": {"seconds": 7}}')
    calls = SimpleNamespace(built=[], pools=[], seconds=61.6, fails=None)

    def stand_in(lesson, language):
        if (lesson.stem, language) == calls.fails:
            raise build.BuildError(f"{lesson.stem} ({language}): no")
        calls.built.append((lesson.stem, language))
        return calls.seconds

    def pool(**options):
        calls.pools.append(options)
        return lambda jobs: (function(*a, **k) for function, a, k in jobs)

    for name, value in (
        ("ROOT", tmp_path),
        ("FOLDERS", {"zh-TW": tmp_path / "notebooks", "en": tmp_path / "notebooks" / "en"}),
        ("build", stand_in),
        ("Parallel", pool),
        ("load_mnist", lambda: SimpleNamespace(tier="full")),
    ):
        monkeypatch.setattr(build, name, value)

    def main(*arguments):
        monkeypatch.setattr(sys, "argv", ["build.py", *arguments])
        calls.built.clear()
        build.main()
        return capsys.readouterr().out

    def recorded():
        lessons = json.loads(catalogue.read_text(encoding="utf-8"))
        return {name: lesson["seconds"] for name, lesson in lessons.items() if "seconds" in lesson}

    main.calls, main.recorded, main.root = calls, recorded, tmp_path
    return main


def write_lesson(root, file, prose="Text."):
    """A lesson with nothing but a title and ``prose``."""
    cells = [
        f'# %% [markdown] lang="{language}" about="About {file[3:]}."\n# # {file[3:]}\n#\n# {prose}\n'
        for language in BOTH
    ]
    (root / "lessons" / f"{file}.py").write_text("\n".join(cells), encoding="utf-8")


BOTH = ("zh-TW", "en")


def test_every_lesson_is_built_in_both_languages_unless_some_are_named(command):
    out = command()
    names = ("01_one", "02_two", "10_ten")
    assert command.calls.built == [(name, language) for name in names for language in BOTH]
    assert "01_one (zh-TW): 62 s" in out.splitlines() and out.count(" 62 s\n") == 6
    for start in ("1", "10", "10_ten", "ten"):
        command(start)
        assert command.calls.built == [("10_ten", language) for language in BOTH]
    command("01", "10")
    assert [name for name, _ in command.calls.built] == ["01_one"] * 2 + ["10_ten"] * 2
    assert command.calls.pools[0] == {"n_jobs": -1, "return_as": "generator"}
    assert command.recorded() == {"two": 7}, "not asked to record"


def test_a_lesson_that_is_not_there_is_named(command):
    with pytest.raises(SystemExit, match="no lesson is named 11; there are 01_one, 02"):
        command("11")
    assert command.calls.built == []


def test_minutes_are_recorded_one_lesson_at_a_time_and_keep_the_others(command):
    command("01", "--minutes")
    assert command.calls.pools[-1]["n_jobs"] == 1
    assert command.recorded() == {"one": 62, "two": 7}


def test_a_lesson_that_fails_ends_it_and_records_nothing(command):
    command.calls.fails = ("02_two", "en")
    with pytest.raises(SystemExit, match=r"what was there is untouched: 02_two \(en\): no"):
        command("--minutes")
    assert command.recorded() == {"two": 7}


def test_without_full_mnist_it_warns_and_builds(command, monkeypatch):
    assert "do not commit" not in command("01")
    monkeypatch.setattr(build, "load_mnist", lambda: SimpleNamespace(tier="embedded"))
    assert "do not commit" in command("01")
    assert len(command.calls.built) == 2


def test_checking_builds_nothing(command, monkeypatch):
    checked = []
    monkeypatch.setattr(build, "check", lambda: checked.append(True))
    command("--check")
    assert checked == [True] and command.calls.built == []


@pytest.mark.parametrize(
    ("old", "new", "mode", "passes"),
    [
        ("pi is ≈3.14159", "pi is ≈3.14159", run_tests.STRICT, True),
        ("pi is ≈3.14159", "pi is ≈3.14160", run_tests.STRICT, True),
        ("two is 2", "two is 3", run_tests.STRICT, False),
        ("two is 2", "two is 3", run_tests.LAX, True),
    ],
    ids=["same", "approximate", "strict", "lax"],
)
def test_nbval_notices_a_changed_number_unless_it_is_approximate_or_lax(
    old, new, mode, passes, built, tmp_path, monkeypatch
):
    for name, value in build.BUILD_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)  # the options name their files from here
    notebook = json.loads(built["en"])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = [line.replace(old, new) for line in output["text"]]
    path = tmp_path / "99_example.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    command += [str(tmp_path), "--nbval-current-env", *mode, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode == 0) is passes, result.stdout[-3000:]


def test_the_network_is_refused_in_kernels(place, tmp_path, monkeypatch):
    code = (
        TITLES
        + """
# %%
import socket
for address in ("192.0.2.1", "example.org"):
    try:
        socket.create_connection((address, 80), timeout=1)
    except ConnectionRefusedError as error:
        print(error)
from course_utils.experiment import run_seeds
print(run_seeds(lambda seed: seed + 1, n_jobs=2)["result"].tolist())
import course_utils
print("this checkout:", course_utils.__file__.startswith(ROOT))
"""
    )
    refuse_network = str(ROOT / "tests" / "refuse_network")
    monkeypatch.setenv("PYTHONPATH", refuse_network, prepend=os.pathsep)
    build.build(place(code.replace("ROOT", repr(str(ROOT)))), "en")
    notebook = nbformat.read(build.FOLDERS["en"] / "99_example.ipynb", as_version=4)
    printed = notebook.cells[1].outputs[0].text
    assert printed.count("the course runs offline") == 2
    assert "[1, 2, 3, 4, 5]" in printed
    assert "this checkout: True" in printed


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_knows_its_targets():
    for target in (
        "lab",
        "test",
        "test-oldest",
        "notebooks",
        "replicate",
        "data",
        "bench",
        "experiments",
        "clean",
    ):
        command = ["make", "-n", target, "COURSE_LANG=en"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        if target == "lab":
            start = notebook_path("start_here", "notebooks/en")
            assert f" {start.relative_to(ROOT).as_posix()} " in result.stdout
