"""A lesson begun by `make lesson`, and its claims renumbered."""

import ast
import shutil

import build
import check_lessons
import jupytext
import lesson
import pytest
from lesson_rules import ROOT, lesson_path
from references import LessonError

from course_utils.exercises import exercise
from course_utils.language import Text


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The sources of a course of two lessons, in which more may be written."""
    for name in ("start_here", "perceptron_xor"):
        path = lesson_path(name)
        (tmp_path / "lessons").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "lessons" / path.name)
    for folder in ("notebooks/en", "course_utils/notebook", "course_utils/exercises"):
        (tmp_path / folder).mkdir(parents=True)
    folders = {"zh-TW": tmp_path / "notebooks", "en": tmp_path / "notebooks" / "en"}
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "FOLDERS", folders)
    return tmp_path


#: The number that the next lesson of the fixture's course gets.
NEXT = f"{int(lesson_path('perceptron_xor').stem[:2]) + 1:02d}"


def test_a_new_lesson_comes_last_and_every_file_of_it_is_python(course):
    paths = lesson.new("Second moments, by hand", course)
    assert [path.relative_to(course).as_posix() for path in paths] == [
        f"lessons/{NEXT}_second_moments_by_hand.py",
        "course_utils/exercises/second_moments_by_hand.py",
        "tests/wrong_answers/second_moments_by_hand.py",
    ]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        ast.parse(text)
        assert "NAME" not in text and "TITLE" not in text and "second_moments_by_hand" in text
    chinese, english = jupytext.read(paths[0]).cells[:2]
    assert english.source.startswith("# Second moments, by hand\n")
    assert chinese.metadata.lang == "zh-TW"


@pytest.mark.parametrize("words", ["", "二階動量", "***", "12 monkeys"])
def test_words_that_make_no_name_are_refused(words, course):
    with pytest.raises(LessonError, match="make lesson NAME="):
        lesson.new(words, course)
    assert not list(course.rglob("*12*"))


@pytest.mark.parametrize("words", ["Perceptron XOR", "taken"])
def test_a_name_that_is_taken_is_refused_and_nothing_is_written(words, course):
    (course / "course_utils" / "exercises" / "taken.py").write_text("mine = 1")
    before = sorted(course.rglob("*.py"))
    with pytest.raises(LessonError, match="is there already; choose another name"):
        lesson.new(words, course)
    assert sorted(course.rglob("*.py")) == before


def test_the_new_lesson_runs_and_only_next_steps_are_left(course, monkeypatch, capsys):
    """Written into this course for a moment, because it is imported from here."""
    paths = lesson.new("A lesson on trial", course)
    here = [ROOT / path.relative_to(course) for path in paths[1:]]
    try:
        for path, place in zip(paths[1:], here, strict=True):
            shutil.copy(path, place)
        (sentence,) = [s for s in check_lessons.problems(paths[0]) if "run make" in s]
        assert sentence.startswith(
            f"run make notebooks LESSON=a_lesson_on_trial: notebooks/{NEXT}_a"
        )
        for language in build.FOLDERS:
            build.build(paths[0], language)
        left = check_lessons.problems(paths[0])
    finally:
        for place in here:
            place.unlink(missing_ok=True)
    replace = [sentence for sentence in left if sentence.startswith("replace ")]
    assert {"replace （題目）", "replace (title)", "replace （作者（年份），題目。用在哪裡。）"} < {
        *replace
    }
    hint = "replace (A hint that does not give the answer away.) in a_lesson_on_trial.py"
    assert hint in replace and len(replace) == 31
    assert [sentence.split(":")[0] for sentence in left if sentence not in replace] == [
        "make at least 5 claims, 3 of them on any data",
        "set at least 3 exercises",
        "with nothing else running, make notebooks LESSON=a_lesson_on_trial MINUTES=1 records its minutes",
    ]


@pytest.mark.parametrize(
    ("text", "next_step"),
    [
        ("", "begin the lesson with its Chinese title"),
        ("# %%\nprint(1)\n", "begin the lesson with its Chinese title"),
        ('# %% [markdown] lang="zh-TW"\n# 題目\n', "must begin with the title, as in `# # Title`"),
    ],
)
def test_a_bare_file_is_told_the_next_step(text, next_step, course):
    path = course / "lessons" / "07_bare.py"
    path.write_text(text, encoding="utf-8")
    (sentence,) = check_lessons.problems(path)
    assert next_step in sentence


TITLES = """
# %% [markdown] lang="zh-TW" about="一句話" slideshow={"slide_type": "slide"}
# # 題目

# %% [markdown] lang="en" about="a sentence" slideshow={"slide_type": "slide"}
# # Title
"""


@pytest.mark.parametrize(
    ("text", "next_step"),
    [
        ("", "write its code"),
        ("\n# %%\nprint(1\n", "mend this line, which is not Python"),
        (
            "\n# %%\nexercises.f.check(f)\n",
            "import its exercises: from course_utils.exercises import bare as",
        ),
        (
            "\n# %%\nfrom course_utils.exercises import bare as exercises\n\n# %%\nexercises.f.check(f)\n",
            "write course_utils/exercises/bare.py, with the checks of f",
        ),
        (
            "\n# %%\nfrom course_utils.exercises import losses as exercises\n\n# %%\nexercises.f.check(f)\n",
            "write the check of f in course_utils/exercises/losses.py",
        ),
        ('\n# %% tags=["exercise"]\nf = 1\n\n# %%\n1\n', "after a stub come check and solution"),
        ('\n# %% lang="en" tags=["setup"]\nimport os\n', "a set-up cell begins"),
        ('\n# %% [markdown] lang="en"\n# See [[loses]].\n', r"the nearest is [["),
        ("\n# %%\nclaim(n, True)\n", "number the claims 1 to 1 in order"),
        ("\n# %%\nimport os\n", "begin the code with the set-up cells"),
        (
            '\n# %% lang="en" tags=["setup"]\nfrom course_utils.notebook import set_up\n\nset_up("losses")\n',
            'name this lesson in its set-up cells: set_up("bare"',
        ),
    ],
)
def test_whatever_is_missing_there_are_only_sentences(text, next_step, course):
    path = course / "lessons" / "07_bare.py"
    path.write_text(TITLES.lstrip() + text, encoding="utf-8")
    found = check_lessons.problems(path)
    assert any(next_step in sentence for sentence in found), found
    assert all("Error" not in sentence and "Traceback" not in sentence for sentence in found)


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("短。", "a sentence that is long enough"),
        ("一句夠長、說得清楚的中文。", "short"),
        ("the same in both languages", "the same in both languages"),
        ("去看 example_solution 怎麼寫。", "a sentence that is long enough"),
    ],
)
def test_a_mistake_says_what_is_wrong_in_both_languages(chinese, english):
    @exercise(hint=Text("提示", "hint"), slip=Text(chinese, english))
    def example(answer):
        pass

    assert any(
        "say what is wrong with 'slip'" in s
        for s in check_lessons._of_the_answers(example, "losses")
    )


def test_what_a_removed_lesson_leaves_is_named(course):
    lesson.new("A lesson on trial", course)
    assert not list(check_lessons._left_over())
    (course / "lessons" / f"{NEXT}_a_lesson_on_trial.py").unlink()
    (course / "notebooks" / f"{NEXT}_a_lesson_on_trial.ipynb").write_text("{}")
    found = [*check_lessons._left_over(), *build.stale_files()]
    for path in (
        "course_utils/exercises/a_lesson_on_trial.py",
        "tests/wrong_answers/a_lesson_on_trial.py",
        f"notebooks/{NEXT}_a_lesson_on_trial.ipynb",
    ):
        assert any(s.startswith(path) and "remove it" in s for s in found), path


# --- renumbering

CLAIMS = """
# %% [markdown] lang="zh-TW"
# **主張 1** 甲。
#
# **主張 0** 新的。
#
# **主張 2** 乙（見主張 1 與主張 2）。

# %% [markdown] lang="en"
# **Claim 1** a.
#
# **Claim 0** new.
#
# **Claim 2** b (see claim 2, and Claim 0).

# %%
claim(1, True)  # a claim(9, like this)
claim(
    0, True, tiers="full"
)
# claim(7, in a comment)
claim(2, reclaim(5))
"""


def test_claims_are_numbered_in_order_wherever_they_are_mentioned():
    renewed = lesson.renumbered(CLAIMS)
    assert "**主張 1** 甲" in renewed and "**主張 2** 新" in renewed and "**主張 3** 乙" in renewed
    assert "（見主張 1 與主張 3）" in renewed
    assert "**Claim 2** new" in renewed and "(see claim 3, and Claim 2)" in renewed
    assert "claim(1, True)" in renewed and "claim(\n    2, True" in renewed
    assert "claim(3, reclaim(5))" in renewed and "# claim(7, in a comment)" in renewed
    assert lesson.renumbered(renewed) == renewed


@pytest.mark.parametrize("path", sorted((ROOT / "lessons").glob("*.py")), ids=lambda p: p.stem)
def test_the_lessons_are_in_order_as_they_are(path):
    text = path.read_text(encoding="utf-8")
    assert lesson.renumbered(text, path.name) == text


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ("**Claim 0** new.", "new.", "has 3 in the Chinese, 2 in the English, 3 in the code"),
        ("**Claim 0** new.", "**Claim 1** new.", "do not stand in one order"),
        ("主張 1 與", "主張 8 與", "mentions 主張 8, and no claims have this number"),
    ],
)
def test_what_cannot_be_numbered_safely_is_refused(old, new, advice):
    with pytest.raises(LessonError, match=advice):
        lesson.renumbered(CLAIMS.replace(old, new))
