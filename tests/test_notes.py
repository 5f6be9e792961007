"""The notes cells of lessons: strictly read, and every error says where and what to do."""

import re

import pytest
from lesson_rules import read_lesson
from notes import NotesError, folded, parse, prompts, read_questions, unfolded
from notes_rules import (
    answers_in_sight,
    claims_apart,
    leaning_exercises,
    length,
    notes,
    unasked_predictions,
    unasked_sections,
)

ENGLISH = """**Ask** (6 min) SGD and momentum each take 100 steps. Which one ends nearer?

- ✗ SGD. *Takes momentum for an average that lags behind.*
- ✓ Momentum. *Earlier steps add up, as in `v = b * v + g`.*
- ✗ Neither: `a * b`. *Thinks that tuned rates leave no difference.*"""
CHINESE = """**提問**（6 分鐘）同樣走 100 步，SGD 和動量哪一個比較近？

- ✗ SGD。*以為動量只是平均，會慢半拍。*
- ✓ 動量。*前面的步伐會累加，例如 `v = b * v + g`。*
- ✗ 一樣近：`a * b`。*以為調好學習率就沒有差別。*"""


def cell(kind: str, language: str, source: str) -> str:
    lines = "\n".join(f"# {line}".rstrip() for line in source.splitlines())
    return f'# %% [markdown] lang="{language}" slideshow={{"slide_type": "{kind}"}}\n{lines}\n'


def a_lesson(
    chinese: str = CHINESE, english: str = ENGLISH, prompt: str = "Predict: who wins?"
) -> str:
    return "\n".join(
        [
            cell("slide", "zh-TW", "# 例子"),
            cell("slide", "en", "# Example"),
            cell("slide", "zh-TW", "## 動量\n\n想一想：誰會贏？"),
            cell("slide", "en", f"## Momentum\n\n{prompt}"),
            cell("notes", "zh-TW", chinese),
            cell("notes", "en", english),
            "# %%\nrace()\n",
            cell("slide", "zh-TW", "## 練習\n\n想一想再寫。"),
            cell("slide", "en", "## Exercises\n\nGuess first."),
            '# %% tags=["exercise"]\ndef f(): ...\n',
            cell("slide", "zh-TW", "## 重點整理"),
            cell("slide", "en", "## Summary"),
        ]
    )


@pytest.fixture
def write(tmp_path):
    def written(text: str):
        path = tmp_path / "07_race.py"
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.mark.parametrize(("language", "source"), [("en", ENGLISH), ("zh-TW", CHINESE)])
def test_a_good_cell_is_read_to_the_letter(language, source):
    asked = parse(source, language)
    assert asked.minutes == 6 and [o.is_right for o in asked.options] == [False, True, False]
    assert asked.options[1].why.endswith("`v = b * v + g`" + {"en": ".", "zh-TW": "。"}[language])
    assert asked.options[2].text.endswith("`a * b`" + {"en": ".", "zh-TW": "。"}[language])
    shown = folded(source, language)
    assert shown.startswith("<details><summary>") and shown.endswith("\n\n</details>")
    assert (
        parse("\n".join([source.splitlines()[0], "", *shown.splitlines()[4:-2]]), language) == asked
    )
    assert "details" not in unfolded(shown) and unfolded(source) == source


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("**Ask** (6 min)", "**Ask** (six min)", 1, "begin as in"),
        ("(6 min) ", "(6 min)\n", 1, "begin as in"),
        ("(6 min)", "(1 min)", 1, "1 minutes: give it 2 to 8"),
        ("(6 min)", "(9 min)", 1, "9 minutes: give it 2 to 8"),
        ("nearer?\n", "nearer?\nAnd why?\n", 2, "in one line, then leave a line empty"),
        ("- ✗ SGD.", "* ✗ SGD.", 3, "write an option in one line"),
        ("- ✗ SGD. *Takes", "- ✗ SGD. Takes", 3, "write an option in one line"),
        ("- ✗ SGD. *", "- ✗ *", 3, "write an option in one line"),
        ("- ✗ SGD.", "- ✓ SGD.", 3, "one ✓ and two or three ✗: there are 2 ✓ and 1 ✗"),
        ("- ✓ Momentum.", "- ✗ Momentum.", 3, "there are 0 ✓ and 3 ✗"),
        ("✗ SGD.", "✗ Momentum.", 3, "two options say the same"),
        ("Which one ends", "Which one above ends", None, None),
        ("Which one ends nearer?", "Which is nearer in this figure?", 1, "'this figure' leans"),
        ("Which one ends nearer?", "Which is nearer, as shown above?", 1, "'shown above' leans"),
        ("lags behind", "lags in the next cell", 3, "'next cell' leans"),
        ("Earlier steps", "The $v$ steps", 4, "no LaTeX"),
        ("Neither:", "[Neither](x):", 5, "no links"),
        ("Neither:", "Neither, [[optimizers]]:", 5, "no links"),
    ],
)
def test_a_bad_cell_is_refused_with_its_line(old, new, line, says):
    assert old in ENGLISH
    changed = ENGLISH.replace(old, new, 1)
    if says is None:
        parse(changed, "en")
        return
    with pytest.raises(NotesError, match=re.escape(says)) as error:
        parse(changed, "en")
    assert error.value.line == line


@pytest.mark.parametrize("words", ["上面的圖", "這張圖", "下一格", "這一課", "左圖"])
def test_chinese_that_leans_is_refused(words):
    with pytest.raises(NotesError, match="leans"):
        parse(CHINESE.replace("同樣走 100 步", f"照{words}，"), "zh-TW")


def test_a_lesson_gives_named_questions(write):
    path = write(a_lesson())
    (question,), problems = read_questions(path)
    assert problems == [] and question.name == "race.momentum.1" and question.heading == "Momentum"
    assert question.asked["en"] == parse(ENGLISH, "en") and question.asked["zh-TW"].minutes == 6
    assert [*notes(read_lesson(path), path)] == []


@pytest.mark.parametrize(
    ("chinese", "says"),
    [
        (CHINESE.replace("6 分鐘", "5 分鐘"), "5 minutes in Chinese, 6 in English"),
        (
            CHINESE.replace("✗ SGD", "✓ SGD").replace("✓ 動量", "✗ 動量"),
            "the options are ✓✗✗ in Chinese, ✗✓✗",
        ),
        (CHINESE.rpartition("\n")[0], "there are 1 ✓ and 1 ✗"),
    ],
)
def test_languages_that_differ_are_found_at_their_line(write, chinese, says):
    path = write(a_lesson(chinese))
    _, (problem,) = read_questions(path)
    found = re.match(r"line (\d+): (.*)", problem)
    assert says in found[2]
    marked = path.read_text(encoding="utf-8").splitlines()[int(found[1]) - 1 :]
    assert any("提問" in line for line in marked[:3]) or "✗" in marked[0]


def test_what_asks_nothing_is_named(write):
    text = a_lesson()
    without = re.sub(
        r'# %% \[markdown\] lang="[^"]*" slideshow=\{"slide_type": "notes"\}\n(#.*\n)*', "", text
    )
    cells = read_lesson(write(without))
    assert [*unasked_sections(cells)] == [
        "ask something in the section 'Momentum', in a notes cell (CONTRIBUTING.md: Notes)"
    ]
    (problem,) = unasked_predictions(cells)
    assert problem.startswith("put a notes cell right after the prediction: Predict: who wins?")
    (problem,) = unasked_predictions(read_lesson(write(a_lesson(prompt="Who wins?"))))
    assert problem.startswith("ask for the prediction in both languages")


@pytest.mark.parametrize("after", ["Predict: what next?", "### A new section", ""])
def test_a_claim_that_is_tested_behind_something_new_is_named(write, after):
    words = f"So it is.\n\n**Claim 1** It is.\n\n{after}".strip()
    found = [*claims_apart(read_lesson(write(cell("slide", "en", words))))]
    assert len(found) == bool(after) and all("claim 1" in problem for problem in found)
    before = [
        *claims_apart(read_lesson(write(cell("slide", "en", f"{after}\n\n**Claim 1** It is."))))
    ]
    assert before == []


def test_a_lesson_that_is_too_long_is_named(write):
    assert [*length(read_lesson(write(a_lesson())))] == []
    long = a_lesson(prompt="Predict. " + "word " * 3100)
    assert "shorten it to 100 cells and 3,100 English words" in next(
        length(read_lesson(write(long)))
    )
    many = a_lesson() + "# %%\nx = 1\n\n" * 98
    assert len([*length(read_lesson(write(many)))]) == 1
    notes_do_not_count = a_lesson(english=ENGLISH.replace("Which", "word " * 3100 + "Which"))
    assert [*length(read_lesson(write(notes_do_not_count)))] == []


def test_an_exercise_that_leans_on_its_lesson_is_named(write):
    assert [*leaning_exercises(read_lesson(write(a_lesson())))] == []
    text = a_lesson().replace("Guess first.", "Use the rule above.")
    (problem,) = leaning_exercises(read_lesson(write(text)))
    assert "worksheet" in problem and "Exercises" in problem


def test_an_answer_that_can_be_seen_is_found(write):
    cells = [c for c in read_lesson(write(a_lesson())) if c.metadata.get("lang", "en") == "en"]
    assert prompts(cells, "en") == [1]
    assert len([*answers_in_sight(cells, "en")]) == 1
    code = next(c for c in cells if c.cell_type == "code")
    for kind in ("fragment", "subslide", "slide"):
        code.metadata["slideshow"] = {"slide_type": kind}
        assert [*answers_in_sight(cells, "en")] == []
