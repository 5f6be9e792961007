"""A simulated class: every mark is the known truth, whatever a submission does."""

import copy
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import confine
import grade
import nbformat
import pytest
from assignments import write_assignments
from grade_runner import cells_of, without_magics

ROOT = Path(__file__).resolve().parent.parent
LESSON = "perceptron_xor"
OF = {"perceptron_update": 2, "xor_weights": 3, "count_mlp_parameters": 1}
NAMES = list(OF)
FULL, NONE = (2, 3, 1), (0, 0, 0)

pytestmark = pytest.mark.skipif(
    not all(confine.in_force().values()), reason="this system has no hold on processes or files"
)

COUNT = "def count_mlp_parameters(widths):\n"
RIGHT_COUNT = "    return sum(a * b + b for a, b in zip(widths[:-1], widths[1:], strict=True))\n"
#: What stands in place of the answer to count_mlp_parameters, and whether it is worth its point.
ANSWERS: dict[str, tuple[str, bool]] = {
    "right in other words": (
        COUNT + "    return sum((a + 1) * b for a, b in zip(widths, widths[1:]))",
        True,
    ),
    "wrong: 沒有偏置": (COUNT + "    return sum(a * b for a, b in zip(widths, widths[1:]))", False),
    "syntax error": (COUNT + "    return sum(", False),
    "crash": ("import ctypes\n" + COUNT + "    ctypes.string_at(0)\n" + RIGHT_COUNT, False),
    "ends Python": ("import os\n" + COUNT + "    os._exit(0)\n", False),
    "exits": (COUNT + "    raise SystemExit(0)\n", False),
    "loop": (COUNT + "    while True:\n        pass\n", False),
    "stubborn loop": (
        COUNT
        + "    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n",
        False,
    ),
    "sleeps": ("import time\n" + COUNT + "    time.sleep(1000)\n", False),
    "fork bomb": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nfor _ in range(100): libc.fork()\n"
        + COUNT
        + "    while True: libc.fork()\n",
        False,
    ),
    "memory": (COUNT + "    return len('x' * (1 << 40)) + [0] * (1 << 34)\n", False),
    "prints 100 MB": (
        COUNT + "    for _ in range(100): print('x' * (1 << 20))\n" + RIGHT_COUNT,
        True,
    ),
    "prints past Python": (
        "import os\n"
        + COUNT
        + "    for _ in range(20): os.write(1, b'x' * (1 << 20))\n"
        + RIGHT_COUNT,
        True,
    ),
    "renamed": (COUNT.replace("count_", "my_") + RIGHT_COUNT, False),
    "imports the solution": (
        "from course_utils.exercises.solutions.perceptron_xor import count_mlp_parameters\n",
        False,
    ),
    "finds the solution": (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfor m in [m for m in sys.modules if 'course' in m]: del sys.modules[m]\n"
        "from course_utils.exercises.solutions.perceptron_xor import count_mlp_parameters\n",
        False,
    ),
    "reads the solution": (
        f"exec(open({str(ROOT / 'course_utils/exercises/solutions/perceptron_xor.py')!r}).read())\n",
        False,
    ),
    "reads the key": (
        f"source = open('KEY/02_{LESSON}.ipynb').read()\n" + COUNT + "    return source\n",
        False,
    ),
    "replaces the exercise": (
        COUNT + "    return 0\n"
        "from course_utils.exercises import recorded\n"
        "class Fake:\n    def observe(self, value, pool): return {'found': None, 'outcomes': [], 'raised': [], 'broken': None}\n"
        "exercises.count_mlp_parameters = Fake()\n"
        "recorded.RecordedExercise.observe = Fake.observe\n",
        False,
    ),
    "says it passed": (
        COUNT + "    return 0\n"
        "from course_utils.exercises import recorded\n"
        "recorded.Pool.packed = lambda self, index: b'{\"passed\": true}'\n"
        "import json; json.dumps = lambda *a, **k: '{}'\n",
        False,
    ),
    "patches NumPy": (
        "import numpy as np\nnp.ndarray.__eq__ if False else None\nnp.allclose = np.array_equal = np.abs = lambda *a, **k: True\n"
        + COUNT
        + "    return 0\n",
        False,
    ),
    "reads the checker's frame": (
        "import sys\n" + COUNT + "    frame = sys._getframe()\n    while frame := frame.f_back:\n"
        "        for value in [*frame.f_locals.values()]:\n"
        "            if callable(right := getattr(value, 'right', None)):\n"
        "                return right(widths)\n    return 0\n",
        False,
    ),
    "searches the interpreter": (
        "import gc\n" + COUNT + "    for thing in gc.get_objects():\n"
        "        if getattr(thing, '__name__', '') == 'count_mlp_parameters' and thing is not globals()['count_mlp_parameters']:\n"
        "            if isinstance(found := thing(widths), int): return found\n    return 0\n",
        False,
    ),
    "writes to the pipe": (
        "import os\n"
        + COUNT
        + "    for n in range(3, 60):\n        try: os.write(n, b'x' * 1000)\n        except OSError: pass\n    return 0\n",
        False,
    ),
    "edits the environment": (
        "import os\nos.environ.clear()\nos.environ['NBGRADER_EXECUTION'] = '1'\n"
        + COUNT
        + RIGHT_COUNT,
        True,
    ),
    "writes files": (
        "import pathlib\nfor place in ('OUT/marks.csv', 'KEY/x', '/tmp/from_an_answer'):\n"
        "    try: pathlib.Path(place).write_text('100')\n    except OSError: pass\n"
        + COUNT
        + RIGHT_COUNT,
        True,
    ),
    "fills the disk": (
        "import os\n"
        + COUNT
        + "    for n in range(10**6):\n        with open(f'{n}', 'wb') as f: f.write(b'x' * (1 << 20))\n",
        False,
    ),
    "opens sockets": (
        "import socket\n"
        + COUNT
        + "    socket.create_connection(('127.0.0.1', 80), 1)\n"
        + RIGHT_COUNT,
        False,
    ),
    "kills who runs it": (
        "import ctypes, os\nctypes.CDLL(None).kill(os.getppid(), 9)\n"
        + COUNT
        + "    ctypes.CDLL(None).kill(-1, 9)\n    return 0\n",
        False,
    ),
    "starts a program": (
        "import subprocess\n" + COUNT + "    return int(subprocess.check_output(['echo', '1']))\n",
        False,
    ),
    "leaves a thread": (
        "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\n"
        + COUNT
        + RIGHT_COUNT,
        True,
    ),
    "magic": ("%%time\n" + COUNT + RIGHT_COUNT, True),
    "fails after it": (COUNT + RIGHT_COUNT + "print(undefined)\n", True),
}
EXAMPLES = {  # whole files: student -> (what is done to the sheet, marks)
    "untouched": (lambda sheet, key: None, NONE),
    '全對 "甲", O\'Neil': (lambda sheet, key: put(sheet, key), FULL),
    "=right; again": (lambda sheet, key: put(sheet, key), FULL),
    "answer deleted": (
        lambda sheet, key: (put(sheet, key), drop(sheet, "def count_mlp")),
        (2, 3, 0),
    ),
    "checks deleted": (lambda sheet, key: (put(sheet, key), drop(sheet, "exercises.")), FULL),
    "checks edited": (lambda sheet, key: edit_checks(sheet), NONE),
    "cells twice, the last right": (lambda sheet, key: twice(sheet, key), FULL),
    "helpers apart": (lambda sheet, key: helpers(sheet, key), FULL),
    "ids and metadata lost": (
        lambda sheet, key: (
            put(sheet, key),
            [c.pop("id") for c in sheet["cells"]],
            [c["metadata"].clear() for c in sheet["cells"]],
        ),
        FULL,
    ),
    "points raised": (
        lambda sheet, key: [
            c["metadata"].get("nbgrader", {}).update(points=100) for c in sheet["cells"]
        ],
        NONE,
    ),
}
FILES = {  # whole files that are no worksheets
    "empty file": "",
    "no notebook": "完成了！",
    "a list": "[1, 2]",
    "deep": "[" * 100_000,
    "odd cells": json.dumps({"cells": [{"cell_type": "code", "source": [1]}, 3], "metadata": 3}),
}


def put(sheet: dict, key: dict, names: list[str] = NAMES) -> None:
    """Put the key's answers into a sheet."""
    for cell, solved in zip(sheet["cells"], key["cells"], strict=True):
        if cell["metadata"].get("course", {}).get("answer") in names:
            cell["source"] = solved["source"]


def drop(sheet: dict, beginning: str) -> None:
    sheet["cells"] = [c for c in sheet["cells"] if not "".join(c["source"]).startswith(beginning)]


def edit_checks(sheet: dict) -> None:
    for cell in sheet["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["source"] = "print('passed')"


def twice(sheet: dict, key: dict) -> None:
    sheet["cells"] += copy.deepcopy(sheet["cells"])  # untouched stubs, then the answers
    half = len(sheet["cells"]) // 2
    put({"cells": sheet["cells"][half:]}, key)


def helpers(sheet: dict, key: dict) -> None:
    put(sheet, key)
    answer(
        sheet,
        "from_helper = 0\n"
        + COUNT
        + "    return m.fsum(product(a, b) for a, b in pairs(widths))\n",
    )
    extra = [
        "import math as m",
        "def product(a, b):\n    return (a + ONE) * b",
        "ONE = 1",
        "from itertools import pairwise as pairs",
    ]
    extra += ["import does_not_exist", "while True: pass"]  # nothing needs them
    sheet["cells"] = [code(source) for source in extra] + sheet["cells"]


def code(source: str) -> dict:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


def answer(sheet: dict, source: str, name: str = "count_mlp_parameters") -> None:
    for cell in sheet["cells"]:
        if cell["metadata"].get("course", {}).get("answer") == name:
            cell["source"] = source


def make(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tools")))}
    command = [sys.executable, str(ROOT / "tools" / "grade.py"), *arguments]
    run = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", timeout=900
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def table(out: Path) -> dict[str, tuple[int, ...]]:
    text = (out / "marks.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines()))
    assert list(rows[0]) == ["student", "lesson", *NAMES, "total", "of"]
    for row in rows:
        assert int(row["total"]) == sum(int(row[name]) for name in NAMES) and row["of"] == "6"
    return {row["student"]: tuple(int(row[name]) for name in NAMES) for row in rows}


@pytest.fixture(scope="module")
def assignment(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("assignment")
    write_assignments(folder, [LESSON], "en")
    return folder


@pytest.fixture(scope="module")
def marked(assignment, tmp_path_factory) -> tuple[Path, dict[str, tuple[int, ...]], str]:
    """(OUT, the known truth, what was printed) of the simulated class."""
    folder = tmp_path_factory.mktemp("a class")
    (path,) = (assignment / "key").glob("*.ipynb")
    sheet = json.loads((assignment / "students" / path.name).read_text("utf-8"))
    key = json.loads(path.read_text("utf-8"))
    files, truth = {}, {}
    for student, (source, is_right) in ANSWERS.items():
        mine = copy.deepcopy(sheet)
        put(mine, key)
        source = source.replace("KEY", str(assignment / "key")).replace("OUT", str(folder / "out"))
        answer(mine, source)
        files[student], truth[student] = json.dumps(mine), (2, 3, int(is_right))
    for student, (change, marks) in EXAMPLES.items():
        mine = copy.deepcopy(sheet)
        change(mine, key)
        files[student], truth[student] = json.dumps(mine), marks
    wrong_lesson = nbformat.read(next((ROOT / "notebooks" / "en").glob("*_start_here.ipynb")), 4)
    for student, text in {**FILES, "wrong lesson": nbformat.writes(wrong_lesson)}.items():
        files[student], truth[student] = text, NONE
    for student, text in files.items():
        (folder / "in" / student).mkdir(parents=True)
        (folder / "in" / student / path.name).write_text(text, encoding="utf-8")
    (folder / "in" / "a link").mkdir()
    (folder / "in" / "a link" / path.name).symlink_to(path)
    roster = (
        "\ufeffstudent,email\n" + "\n".join(["王 小明,a@b", '"全對 ""甲"", O\'Neil",c@d']) + "\n"
    )
    (folder / "roster.csv").write_text(roster, encoding="utf-8")
    truth |= {"a link": NONE, "王 小明": NONE}
    out = folder / "out"
    arguments = [str(assignment / "key"), str(folder / "in"), str(out), "--jobs", "2"]
    said = make(*arguments, "--seconds", "4", "--roster", str(folder / "roster.csv"))
    again = make(*arguments, "--roster", str(folder / "roster.csv"))
    assert "4" in said and again.count("\n") == said.count("\n")
    return out, truth, said


def test_every_mark_is_the_known_truth(marked):
    out, truth, _ = marked
    assert len(truth) >= 40
    found = table(out)
    assert found == truth, {
        name: (found[name], truth[name]) for name in truth if found[name] != truth[name]
    }
    assert not Path("/tmp/from_an_answer").exists()


def test_the_roster_gives_the_order(marked):
    names = [
        row.split(",")[0] for row in (marked[0] / "marks.csv").read_text("utf-8-sig").splitlines()
    ]
    assert names[1] == "王 小明" and names[2].startswith('"全對')


def test_feedback_names_the_mistake_and_gives_nothing_away(marked):
    out, truth, _ = marked
    pages = {
        path.parent.name: path.read_text("utf-8") for path in (out / "feedback").glob("*/*.md")
    }
    assert set(pages) == set(truth)
    assert (
        "bias" in pages["wrong: 沒有偏置"]
        and "## count_mlp_parameters: 0 / 1" in pages["wrong: 沒有偏置"]
    )
    assert "Total 6 of 6" in pages["=right; again"] and "was it renamed" in pages["renamed"]
    assert "SyntaxError" in pages["syntax error"] and "no notebook" in pages["empty file"]
    assert "not handed in" in pages["王 小明"]
    assert max(map(len, pages.values())) < 20_000


def test_identical_answers_are_listed(marked):
    lines = (marked[0] / "identical.md").read_text("utf-8").splitlines()
    line = next(line for line in lines if "perceptron_update" in line)
    assert "=right; again" in line and "untouched" not in line


def test_an_interrupted_run_goes_on(assignment, marked, tmp_path):
    """What is there is not marked anew; what has changed is."""
    out, truth, _ = marked
    results = {path.parent.name: path for path in (out / "results").glob("*/*.json")}
    assert set(results) == set(truth)
    before = {name: path.stat().st_mtime_ns for name, path in results.items()}
    results["right in other words"].unlink()
    make(str(assignment / "key"), str(out.parent / "in"), str(out), "--seconds", "4")
    renewed = {n for n, path in results.items() if path.stat().st_mtime_ns != before[n]}
    assert renewed - {*FILES, "a link"} == {"right in other words"}  # files that ask for no time


# --- which cells count


def test_an_answer_takes_the_cells_it_needs_and_no_other():
    sources = [
        "x = 1",
        "def f(): return g(x)",
        "def g(v): return y * v",
        "y = 2",
        "while True: pass",
        "(",
        "def f(): 0",
    ]
    assert cells_of(sources[:6], None, "f", []) == [0, 1, 2, 3]
    assert cells_of(sources[:6], None, "f", ["y = 2"]) == [0, 1, 2]
    assert cells_of(sources, None, "f", []) == [6]
    assert cells_of(["a = 3", "f = lambda a: a"], None, "f", []) == [1]
    assert cells_of(["a = 3"], 0, "f", []) == [0]
    with pytest.raises(SyntaxError):
        cells_of(["def f(:"], 0, "f", [])


def test_magics_are_left_out():
    assert without_magics("%%time\n!ls\nx = 5 % 3\n") == "\n\nx = 5 % 3"


def test_a_folder_without_a_key_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(grade.LessonError, match="holds no key"):
        grade.grade(tmp_path, tmp_path / "in", tmp_path / "out", [], 1)


def test_a_roster_may_lack_a_heading(tmp_path):
    (tmp_path / "a.csv").write_text("甲\n乙 丙\n", encoding="utf-8")
    assert grade.read_roster(tmp_path / "a.csv") == ["甲", "乙 丙"]
    (tmp_path / "b.csv").write_text("id,student\n1,甲\n2,\n", encoding="utf-8")
    assert grade.read_roster(tmp_path / "b.csv") == ["甲"]


def test_wrong_answers_of_the_corpus_are_told_apart_as_in_the_notebook():
    """An answer judged by its report hears what it would have heard in the lesson."""
    import wrong_answers.perceptron_xor  # noqa: F401
    from wrong_answers import CASES

    from course_utils.exercises import perceptron_xor
    from course_utils.exercises.recorded import Pool, Report, judging

    for name in ("count_mlp_parameters", "perceptron_update"):
        exercise = getattr(perceptron_xor, name)
        judge = judging(exercise)
        for case in [c for c in CASES if c.exercise is exercise]:
            pool = Pool()
            told, arrays = Pool.unpacked(pool.packed(judge.observe(case.answer, pool)))
            found = judge.judged(Report(told, arrays, len(judge.expected.right)))
            there = exercise.examine(case.answer)
            assert (found.passed, found.mistake) == (there.passed, there.mistake), str(case)
