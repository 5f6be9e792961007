"""Lessons know each other by name, and what is derived from them follows."""

import json
import re
import shutil
import sys

import build
import nbformat
import pytest
import references
from lesson_rules import ROOT
from references import LessonError, derived_files, read_lessons, resolve
from solutions import solutions

LESSON = """
# %% [markdown] lang="zh-TW" about="{name} 的事" slideshow={{"slide_type": "slide"}}
# # {name} 課
#
# 先備：[[{other}]]。

# %% [markdown] lang="en" about="All about {name}" slideshow={{"slide_type": "slide"}}
# # On {name}
#
# It builds on [[{other}]]. [[{Other}]] said it.

# %% [markdown] lang="zh-TW"
# ## 動量：一顆 `球`
#
# ```
# # 不是標題
# ```
#
# ### 動量（二）

# %% [markdown] lang="en"
# ## Momentum: a **ball** (rolling)
#
# ```
# # no heading
# ```
#
# ### Momenta, twice
"""


def write(folder, file, other):
    text = LESSON.format(name=file[3:], other=other, Other=other.capitalize())
    (folder / f"{file}.py").write_text(text.lstrip(), encoding="utf-8")


@pytest.fixture
def lessons(tmp_path):
    write(tmp_path, "03_heat", "cold")
    write(tmp_path, "11_cold", "heat#momentum")
    return read_lessons(tmp_path)


def test_lessons_come_in_the_order_of_their_numbers(lessons):
    assert [(name, lesson.number) for name, lesson in lessons.items()] == [
        ("heat", "03"),
        ("cold", "11"),
    ]
    assert lessons["heat"].titles == {"zh-TW": "heat 課", "en": "On heat"}
    assert lessons["cold"].numbered_title("en") == "11  On cold"
    assert lessons["cold"].numbered_title("zh-TW") == "11　cold 課"


@pytest.mark.parametrize(
    ("source", "chinese", "english"),
    [
        ("見[[cold]]。", "見[第 11 課](11_cold.ipynb)。", "見[lesson 11](11_cold.ipynb)。"),
        ("[[Cold]]'s", "[第 11 課](11_cold.ipynb)'s", "[Lesson 11](11_cold.ipynb)'s"),
        (
            "[[heat]] [[cold]]",
            *(
                f"[{a} 03{b}](03_heat.ipynb) [{a} 11{b}](11_cold.ipynb)"
                for a, b in (("第", " 課"), ("lesson", ""))
            ),
        ),
        (
            "[[heat#momentum]]",
            "[第 03 課](03_heat.ipynb#動量：一顆-球)",
            "[lesson 03](03_heat.ipynb#Momentum:-a-ball-%28rolling%29)",
        ),
        (
            "[[heat#momenta-twice]]",
            "[第 03 課](03_heat.ipynb#動量（二）)",
            "[lesson 03](03_heat.ipynb#Momenta,-twice)",
        ),
        ("a[[1, 2], [3]] and x[[i]", "a[[1, 2], [3]] and x[[i]", "a[[1, 2], [3]] and x[[i]"),
    ],
)
def test_a_name_becomes_number_and_link(source, chinese, english, lessons):
    assert resolve(source, "zh-TW", lessons) == chinese
    assert resolve(source, "en", lessons) == english


@pytest.mark.parametrize(
    ("reference", "advice"),
    [
        ("[[colt]]", r"\[\[colt\]\]: no lesson has this name; the nearest is \[\[cold\]\]"),
        ("[[Haet]]", r"the nearest is \[\[heat\]\]"),
        ("[[heat#momentun-a-ball]]", r"no such section.*\[\[heat#momentum-a-ball-rolling\]\]"),
        ("[[heat#no-heading]]", "no such section"),
        ("[[heat#moment]]", "no such section.*momentum"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(reference, advice, lessons):
    with pytest.raises(LessonError, match=advice):
        resolve(f"See {reference}.", "en", lessons)


def test_a_section_that_is_not_in_both_languages_is_refused(tmp_path):
    write(tmp_path, "03_heat", "heat")
    path = tmp_path / "03_heat.py"
    path.write_text(path.read_text("utf-8").replace("# ### 動量（二）", "# 動量"), "utf-8")
    with pytest.raises(LessonError, match="more headings in one language"):
        resolve("[[heat#momentum]]", "en", read_lessons(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ('about="heat 的事" ', "", "begin the lesson with its Chinese title and what it is about"),
        ('about="All about heat" ', "", 'its English title.*about="…"'),
        ("# # On heat", "# On heat", "the first English cell must begin with the title.*# # Title"),
    ],
)
def test_a_lesson_that_says_too_little_is_told_the_next_step(old, new, advice, tmp_path):
    write(tmp_path, "03_heat", "heat")
    path = tmp_path / "03_heat.py"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(LessonError, match=f"03_heat.py: .*{advice}"):
        read_lessons(tmp_path)


def test_two_lessons_of_one_name_are_refused(tmp_path):
    write(tmp_path, "03_heat", "heat")
    write(tmp_path, "04_heat", "heat")
    with pytest.raises(LessonError, match=r"03_heat\.py and 04_heat.py have one name; rename"):
        read_lessons(tmp_path)


def test_what_is_derived_is_as_the_lessons_say():
    for path, text in derived_files(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make notebooks`"


SOLVED = """
# %% tags=["setup"]
import math, json
import numpy as np
from course_utils import seeding
from torch import Tensor, nn

# %% tags=["solution"]
# One possible answer.
# It may say more.
def root_solution(layer: nn.Module, x):
    \"""Its root.\"""
    return math.sqrt(x) if x else root_solution(layer, 1)  # twice

# %%
json.dumps(nn.ReLU())

# %% tags=["solution"]
# One possible answer.
readings_solution = {'A': "up"}
"""
SOLUTIONS = '''"""Solutions of the lesson heat, from which `make notebooks` generates this file."""

import math

from torch import nn


def root(layer: nn.Module, x):
    """Its root."""
    return math.sqrt(x) if x else root(layer, 1)  # twice


readings = {"A": "up"}
'''


def test_solutions_are_written_from_the_lesson(tmp_path):
    folder = tmp_path / "lessons"
    folder.mkdir()
    for file in ("03_heat", "11_cold"):
        write(folder, file, "heat")
    path = folder / "03_heat.py"
    path.write_text(path.read_text("utf-8") + SOLVED, encoding="utf-8")
    lessons = read_lessons(folder)
    assert solutions("heat", lessons["heat"].code) == SOLUTIONS
    assert solutions("cold", lessons["cold"].code) is None
    path.write_text(path.read_text("utf-8").replace("return math", "give math"), encoding="utf-8")
    with pytest.raises(LessonError, match=r"03_heat\.py: invalid syntax: .*give math"):
        derived_files(tmp_path)


def test_anchors_are_those_of_nbconvert(tmp_path):
    """Every heading of the course can be named, and the link leads to it."""
    from nbconvert.filters import markdown2html

    lessons = read_lessons(ROOT / "lessons")
    for name in ("activations", "numpy_lstm"):
        for language, headings in lessons[name].headings.items():
            for english, heading in zip(lessons[name].headings["en"], headings, strict=True):
                link = resolve(f"[[{name}#{references._slug(english)}]]", language, lessons)
                anchor = re.search(r"ipynb#(.*)\)$", link)[1]
                html = markdown2html(f"## {heading}\n\n[x](#{anchor})")
                ids = re.findall(r'id="([^"]*)"', html)
                hrefs = re.findall(r'href="#([^"]*)"', html)
                assert hrefs[-1] == ids[0] or unquoted(hrefs[-1]) == ids[0]


def unquoted(text):
    from urllib.parse import unquote

    return unquote(text)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the course: sources, notebooks and the files that name them."""
    for folder in ("lessons", "notebooks", "course_utils", "site/frames"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # kernels import this copy
    for name in [
        references.CATALOGUE,
        *references.READMES,
        *references.GUIDES,
        *references.NAMING_NOTEBOOKS,
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    folders = {"zh-TW": tmp_path / "notebooks", "en": tmp_path / "notebooks" / "en"}
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "FOLDERS", folders)
    return tmp_path


def test_a_renamed_lesson_leaves_nothing_stale(course, monkeypatch, capsys):
    """Two lessons change places; the notebooks' outputs are kept, for no code has changed."""
    monkeypatch.setattr(build, "with_record", lambda text, *_: text)
    lessons = sorted((course / "lessons").glob("[0-9][0-9]_*.py"))
    at = [path.stem[3:] for path in lessons].index("initialization")
    first, second = lessons[at], lessons[at + 1]
    stale = [first.stem, second.stem]
    fresh = [f"{second.stem[:3]}{first.stem[3:]}", f"{first.stem[:3]}{second.stem[3:]}"]
    for path, name in zip((first, second), fresh, strict=True):
        path.rename(path.with_stem(name))
    with pytest.raises(SystemExit, match="has no lesson"):
        build.check()
    monkeypatch.setattr(sys, "argv", ["build.py", "--links"])
    build.main()
    build.check()
    built = f"{2 * len(lessons)} notebooks are what their lessons build"
    assert built in capsys.readouterr().out
    for path in course.rglob("*.*"):
        if path.suffix in (".py", ".md", ".json", ".ipynb"):
            text = path.read_text(encoding="utf-8")
            for name in stale:
                assert name not in path.stem and name not in text, path
    for folder in build.FOLDERS.values():
        for name in fresh:
            notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
            assert notebook.cells[0].source.startswith(f"# {name[:2]}")
            assert any(cell.get("outputs") for cell in notebook.cells)
        shown = nbformat.read(next(folder.glob("*_start_here.ipynb")), as_version=4)
        table = str([cell.get("outputs") for cell in shown.cells])
        assert table.index(fresh[1]) < table.index(fresh[0])
    named = {"zh-TW": f"第 {fresh[0][:2]} 課", "en": f"esson {fresh[0][:2]}"}
    for language, folder in build.FOLDERS.items():
        text = next(folder.glob("*_activations.ipynb")).read_text(encoding="utf-8")
        assert f"{named[language]}]({fresh[0]}.ipynb)" in text


def test_prose_is_renewed_and_outputs_stay_unless_code_changed(course, monkeypatch):
    path = next((course / "lessons").glob("*_perceptron_xor.py"))
    text = path.read_text(encoding="utf-8").replace("# # The perceptron and XOR", "# # XOR")
    path.write_text(text, encoding="utf-8")
    notebook = course / "notebooks" / "en" / f"{path.stem}.ipynb"
    before = nbformat.read(notebook, as_version=4)
    monkeypatch.setattr(sys, "argv", ["build.py", "perceptron_xor", "--links"])
    build.main()
    after = nbformat.read(notebook, as_version=4)
    assert after.cells[0].source.startswith(f"# {path.stem[:2]}  XOR\n")
    assert [c.get("outputs") for c in before.cells] == [c.get("outputs") for c in after.cells]
    assert f"[{path.stem[:2]} XOR](notebooks/en/" in (course / "README.md").read_text(
        encoding="utf-8"
    )
    assert (
        json.loads((course / references.CATALOGUE).read_text("utf-8"))["perceptron_xor"]["en"]
        == "XOR"
    )
    first = next((course / "lessons").glob("*_start_here.py"))
    assert "prints other lessons than there are" in build.drift(first, "en")
    path.write_text(text.replace("\nclaim(1, ", "\nclaim(1, 1 == 1 and "), encoding="utf-8")
    with pytest.raises(SystemExit, match=rf"code of {path.stem} changed; .*make notebooks"):
        build.main()
    assert nbformat.read(notebook, as_version=4) == after


def test_the_readmes_say_how_many_claims_held_once_every_lesson_was_repeated(course):
    readmes = {name: course / name for name in references.READMES}
    for path in readmes.values():
        path.write_text("true.<!-- record: x -->old<!-- end of record --> More.", encoding="utf-8")

    def said(name, record):
        (course / references.RECORD).write_text(json.dumps(record))
        return re.sub("<.*?>", "", derived_files(course)[readmes[name]])

    lessons = read_lessons(course / "lessons")
    block = {"offsets": [1, 2, 3, 4], "claims": [1, 2], "failed": {}}
    record = {
        name: {"full": block, "embedded": {**block, "failed": {"1": [1]}}} for name in lessons
    }
    total, (first, *_, last) = 2 * len(lessons), lessons
    assert said("README.md", {**record, last: {"embedded": block}}) == "true. More."
    assert (
        said("README.md", {name: record[name] for name in lessons if name != last}) == "true. More."
    )
    repeated = (
        f"true. Each lesson was repeated at least 4 times with other seeds: of {total} claims, "
    )
    assert said("README.md", record) == f"{repeated}{total} held every time. More."
    record[first] = {"full": {**block, "offsets": [1, 2, 3, 4, 5], "failed": {"2": [1]}}}
    rest = f"{total - 1} held every time, and each of the others at least 80% of the times. More."
    assert said("README.md", record) == repeated + rest
    assert said("README.zh-TW.md", record) == (
        f"true.每一課都換過種子重做至少 4 次：{total} 條主張裡，{total - 1} 條每次都成立，"
        "其餘的每一條至少成立 80%。 More."
    )
