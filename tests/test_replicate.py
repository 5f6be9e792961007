"""Lessons repeated with other seeds: what is recorded, shown, resumed, and noticed when it is stale."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import build
import check_lessons
import nbformat
import pytest
import replicate
from IPython.core.events import EventManager, available_events
from test_builder import TITLES

from course_utils import unfinished_files
from course_utils.mnist import DataError
from course_utils.notebook import replications
from course_utils.notebook.claims import ClaimError, claim

CLAIMS = """
# %%
from pathlib import Path
from course_utils import seeding
from course_utils.notebook import replications
from course_utils.notebook.claims import claim
replications.RECORD = Path("../../replications.json")
replications.begin("tiny")

# %%
claim(1, True)

# %% [markdown] lang="en"
# A sentence.

# %%
claim(2, bool(seeding.rng(2).random() < 0.5))
claim(3, True, tiers="full", tier="embedded")
claim(4, True, filed=True)

# %% tags=["solution"]
# One possible answer.
answer = 42
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of a tiny lesson, one that needs MNIST and one that fails; returns how it is called."""
    folders = {"zh-TW": tmp_path / "notebooks", "en": tmp_path / "notebooks" / "en"}
    for folder in ("lessons", "notebooks/en"):
        (tmp_path / folder).mkdir(parents=True)
    tiny, digits, broken = (
        tmp_path / "lessons" / f"{name}.py" for name in ("01_tiny", "02_digits", "03_broken")
    )
    tiny.write_text(TITLES.lstrip() + CLAIMS, encoding="utf-8")
    digits.write_text(
        TITLES.lstrip() + "# %%\nclaim(1, load_mnist().tier == 'full')\n", encoding="utf-8"
    )
    broken.write_text(TITLES.lstrip() + "# %%\n1 / 0\n", encoding="utf-8")
    record = tmp_path / "replications.json"
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "FOLDERS", folders)
    monkeypatch.setattr(replications, "RECORD", record)
    monkeypatch.setenv("PYTHONPATH", str(build.PYPROJECT.parent), prepend=os.pathsep)
    monkeypatch.setenv("COURSE_LANG", "en")  # of the kernels: this lesson does not call set_up
    monkeypatch.setattr(replicate, "load_mnist", lambda data="full": SimpleNamespace(tier=data))

    def make(*arguments):
        monkeypatch.setattr(sys, "argv", ["replicate.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            replicate.main()
        return ended.value.code

    return SimpleNamespace(make=make, tiny=tiny, digits=digits, record=record, root=tmp_path)


@pytest.fixture
def fails(monkeypatch):
    """No kernels: what claims of a lesson do. {(lesson, offset): claims that fail}; lists what ran."""
    fails = SimpleNamespace(at={}, ran=[], stop_after=None)

    def stand_in(notebook, folder, tier, offset):
        if len(fails.ran) == fails.stop_after:
            raise KeyboardInterrupt
        name = "digits" if replicate.loads_mnist(notebook) else "tiny"
        fails.ran.append((name, tier, offset))
        numbers = (1,) if name == "digits" else (1, 2)
        failed = fails.at.get((name, offset), ())
        return {n: "fails" if n in failed else "holds" for n in numbers}, "", 0.0

    monkeypatch.setattr(replicate, "repeat", stand_in)
    monkeypatch.setattr(
        replicate, "Parallel", lambda **_: lambda jobs: (f(*a, **k) for f, a, k in jobs)
    )
    return fails


def tiny_record(course):
    return json.loads(course.record.read_text())["tiny"]


def test_claims_are_repeated_recorded_and_shown(course, capsys):
    assert course.make("tiny", "broken", "--blocks", "2") == 1
    out = capsys.readouterr().out
    assert "4 of 4 executions are to be made" in out and "[4/4] block" in out
    assert "block 1, 01_tiny: claims that fail: 2 (" in out
    assert "block 2, 01_tiny: claims that fail: none (" in out
    for block in (1, 2):
        said = (
            f"block {block}, 03_broken could not be repeated: ZeroDivisionError: division by zero"
        )
        assert said in out
    assert "01_tiny, 2 blocks: 1 of 2 claims held in all; 2 in 1" in out.splitlines()
    assert json.loads(course.record.read_text()).keys() == {"tiny"}
    tiny = tiny_record(course)
    assert tiny.pop("code").count(" ") == 2, "three cells, neither prose nor the solution"
    assert tiny == {"full": {"offsets": [1, 2], "claims": [1, 2], "failed": {"2": [1]}}}

    build.build(course.tiny, "en")
    target = build.FOLDERS["en"] / "01_tiny.ipynb"

    def lines():
        notebook = nbformat.read(target, as_version=4)
        return "".join(o.text for cell in notebook.cells for o in cell.get("outputs", []))

    of_two = lines()
    assert of_two.splitlines()[:2] == [
        "✓ Claim 1 holds (and in 2 of 2 repetitions with other seeds)",
        "✓ Claim 2 holds (and in 1 of 2 repetitions with other seeds)",
    ]
    assert build.drift(course.tiny, "en") is None
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", str(target)]
    again += ["--nbval-current-env", "--rootdir", str(course.root)]
    subprocess.run(again, check=True, env={**os.environ, **build.BUILD_ENVIRONMENT})
    record = json.loads(course.record.read_text())
    record["tiny"]["full"]["offsets"].append(3)
    course.record.write_text(json.dumps(record))
    assert f"another record of its claims; {build.RENEW}" in build.drift(course.tiny, "en")
    build.renew_links(course.tiny, "en")
    assert lines() == of_two.replace("2 of 2", "3 of 3").replace("1 of 2", "2 of 3")
    assert build.drift(course.tiny, "en") is None
    course.record.unlink()
    build.renew_links(course.tiny, "en")
    assert lines().startswith("✓ Claim 1 holds\n✓ Claim 2 holds\n○ ")


def test_an_interrupted_run_goes_on_where_it_stopped(course, fails, capsys):
    fails.stop_after, fails.at = 3, {("tiny", 2): [1], ("tiny", 3): [1, 2]}
    assert course.make("01", "02", "--blocks", "3") == 130
    assert "the same command goes on from there" in capsys.readouterr().out
    assert tiny_record(course)["full"]["offsets"] == [1, 2]
    assert [path.name for path in course.root.glob("repl*")] == ["replications.json"]
    fails.stop_after = None
    assert course.make("01", "02", "--blocks", "3") == 0
    everything = [(name, "full", offset) for offset in (1, 2, 3) for name in ("tiny", "digits")]
    assert fails.ran == everything, "each once"
    assert "3 of 6 executions are to be made" in capsys.readouterr().out
    assert tiny_record(course)["full"] == {
        "offsets": [1, 2, 3],
        "claims": [1, 2],
        "failed": {"1": [2, 3], "2": [3]},
    }
    assert '"offsets": [1, 2, 3],\n' in course.record.read_text(), "short lists in a line"
    assert course.make("--blocks", "3", "01") == 0 and fails.ran == everything
    assert course.make("--blocks", "4", "01") == 0 and fails.ran[6:] == [("tiny", "full", 4)]


def test_a_record_that_cannot_be_written_stays_as_it_was(course, fails, monkeypatch):
    course.make("01", "--blocks", "1")
    before = course.record.read_bytes()

    def full_disk(unfinished, path):
        raise OSError("no space left")

    monkeypatch.setattr(unfinished_files, "give_name", full_disk)
    monkeypatch.setattr(sys, "argv", ["replicate.py", "01", "--blocks", "2"])
    with pytest.raises(OSError, match="no space"):
        replicate.main()
    assert course.record.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "is_stale"),
    [
        ("claim(1, True)", "claim(1, 1 == 1)", True),
        ("claim(1, True)\n", "claim(1, True)\n\n# %%\nmore = 1\n", True),
        ("answer = 42", "answer = 43", False),
        ("# A sentence.", "# Another sentence.", False),
    ],
)
def test_a_record_of_other_code_is_stale_and_begins_again(old, new, is_stale, course, fails):
    def said():
        return list(check_lessons._of_the_record(course.tiny))

    assert said() == [], "no record is no stale record"
    course.make("01", "02", "--blocks", "2")
    assert said() == []
    text = course.tiny.read_text(encoding="utf-8")
    assert old in text
    course.tiny.write_text(text.replace(old, new), encoding="utf-8")
    if not is_stale:
        assert said() == []
        return
    (sentence,) = said()
    assert "make replicate LESSON=tiny" in sentence
    course.make("01", "02", "--blocks", "1")
    assert said() == [] and fails.ran[4:] == [("tiny", "full", 1)]
    assert tiny_record(course)["full"]["offsets"] == [1]


def test_each_tier_has_its_own_record_and_what_loads_no_data_one(course, fails, monkeypatch):
    fails.at = {("digits", 1): [1]}
    course.make("01", "02", "--blocks", "2")
    fails.at = {("digits", 2): [1]}
    assert course.make("--data", "embedded", "--blocks", "2") == 0
    assert fails.ran[4:] == [("digits", "embedded", 1), ("digits", "embedded", 2)]
    digits = json.loads(course.record.read_text())["digits"]
    assert digits["full"]["failed"] == {"1": [1]} and digits["embedded"]["failed"] == {"1": [2]}
    assert "loads no MNIST" in course.make("tiny", "--data", "embedded")

    def missing(data):
        raise DataError(f"{data} MNIST is not here")

    monkeypatch.setattr(replicate, "load_mnist", missing)
    assert course.make("--blocks", "9") == "full MNIST is not here" and len(fails.ran) == 6
    assert course.make("01", "--blocks", "3") == 0, "it needs none"
    assert "no lesson is named 9" in course.make("9")
    assert course.make("--blocks", "0") == 2


def test_other_code_ends_the_record_of_every_tier(course, fails):
    course.make("02", "--blocks", "1")
    course.make("01", "02", "--blocks", "1")
    assert list(json.loads(course.record.read_text())) == ["tiny", "digits"], "as the lessons are"
    course.make("02", "--blocks", "1", "--data", "embedded")
    assert json.loads(course.record.read_text())["digits"].keys() == {"code", "full", "embedded"}
    text = course.digits.read_text(encoding="utf-8")
    course.digits.write_text(text.replace("== 'full'", "!= 'embedded'"), encoding="utf-8")
    course.make("02", "--blocks", "1")
    assert json.loads(course.record.read_text())["digits"].keys() == {"code", "full"}


def test_one_recorded_block_of_the_shortest_lessons_is_compared(course, fails, capsys, monkeypatch):
    catalogue = course.root / replicate.CATALOGUE
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text('{"tiny": {"seconds": 9}, "digits": {"seconds": 3}, "broken": {}}')
    assert course.make("--check") == 0 and not fails.ran
    assert "nothing to compare" in capsys.readouterr().out
    fails.at = {("tiny", 1): [2]}
    course.make("01", "02", "--blocks", "2")
    assert course.make("--check") == 0
    assert fails.ran[4:] == [("digits", "full", 1), ("tiny", "full", 1)]
    fails.at = {("tiny", 1): [1]}
    capsys.readouterr()
    assert course.make("--check") == 1
    assert capsys.readouterr().out.splitlines() == [
        "block 1, 02_digits: as recorded",
        "block 1, 01_tiny: claims [1] fail, by the record [2]",
    ]
    monkeypatch.setattr(replicate, "repeat", lambda *_: ({}, "TypeError: no", 0.0))
    assert course.make("--check") == 1
    assert "block 1, 01_tiny: TypeError: no" in capsys.readouterr().out.splitlines()


def test_on_the_embedded_digits_what_loads_none_is_compared_by_its_only_record(
    course, fails, monkeypatch
):
    catalogue = course.root / replicate.CATALOGUE
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text('{"tiny": {}, "digits": {"seconds": 9}}')
    fails.at = {("tiny", 2): [1]}  # not in the block that is compared
    course.make("01", "02", "--blocks", "2")
    course.make("02", "--blocks", "1", "--data", "embedded")
    monkeypatch.setattr(replicate, "load_mnist", lambda: SimpleNamespace(tier="embedded"))
    assert course.make("--check") == 0
    assert fails.ran[5:] == [("tiny", "full", 1), ("digits", "embedded", 1)]


def test_each_block_has_its_own_data_seeds_and_claims_and_one_process(course, monkeypatch):
    given, said = {}, [[1, "holds"], [2, "fails"], [3, "skipped"], [4, "filed"]]

    def stand_in(notebook, folder, environment):
        given.update(environment)
        lines = "".join(json.dumps(line) + "\n" for line in said)
        Path(environment["COURSE_CLAIMS_FILE"]).write_text(lines)

    monkeypatch.setattr(build, "execute", stand_in)
    lesson = build.edition(course.tiny, "en")
    results, problem, _ = replicate.repeat(lesson, course.root, "embedded", 7)
    assert (results, problem) == ({1: "holds", 2: "fails", 3: "skipped", 4: "filed"}, "")
    assert given.pop("COURSE_CLAIMS_FILE")
    own = {"COURSE_DATA": "embedded", "COURSE_SEED_OFFSET": "7"}
    assert given == replicate.ONE_PROCESS_EACH | own
    said.append([5, "holds"])
    _, problem, _ = replicate.repeat(lesson, course.root, "embedded", 7)
    assert "claims [5] were not tested, or not in the lesson" in problem


def test_a_claim_that_no_cell_reaches_is_a_fault_of_the_lesson(course, monkeypatch):
    monkeypatch.setattr(build, "execute", lambda *_: None)
    _, problem, _ = replicate.repeat(build.edition(course.tiny, "en"), course.root, "full", 1)
    assert "claims [1, 2, 3, 4] were not tested" in problem


# --- what a reader sees

HOLDS = {"en": "✓ Claim 3 holds", "zh-TW": "✓ 主張 3 成立"}
CELLS = ["rate = 0.1", "claim(2, better)", "claim(3, better)", "claim(3, not better)"]
CELLS += ["claim(3, better, tier='full')"]


@pytest.fixture(params=["en", "zh-TW"])
def notebook(request, tmp_path, monkeypatch):
    """A notebook whose cells ran as its lesson has them, with a record of ten blocks and three."""
    monkeypatch.setattr("course_utils.language._current", request.param)
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    shell = SimpleNamespace(user_ns={"replications": replications, "claim": claim, "better": True})
    shell.events = EventManager(shell, available_events)
    monkeypatch.setattr(replications, "get_ipython", lambda: shell)
    monkeypatch.setattr(replications, "RECORD", tmp_path / "replications.json")
    blocks = {"offsets": [*range(1, 11)], "claims": [2, 3], "failed": {"3": [7]}}
    few = {"offsets": [1, 2, 3], "claims": [3], "failed": {}}
    entry = {"code": replications.digests([*CELLS, "more"]), "full": blocks, "embedded": few}
    replications.RECORD.write_text(json.dumps({"example": entry}))
    for cell in ["rate = 0.5", "replications.begin('example')", "rate = 0.1"]:
        run_cell(shell, cell)
    return SimpleNamespace(language=request.param, shell=shell)


def run_cell(shell, cell):
    shell.events.trigger("pre_run_cell", SimpleNamespace(raw_cell=cell))
    exec(cell, shell.user_ns)


def says(notebook, capsys, cell="claim(3, better)"):
    run_cell(notebook.shell, cell)
    return capsys.readouterr().out.rstrip("\n")


def test_a_claim_says_in_how_many_blocks_it_held(notebook, capsys):
    repeated = {
        "en": " (and in {} of {} repetitions with other seeds)",
        "zh-TW": "（換種子重複 {1} 次，成立 {0} 次）",
    }[notebook.language]
    assert says(notebook, capsys) == HOLDS[notebook.language] + repeated.format(9, 10)
    assert says(notebook, capsys, CELLS[1]).endswith(repeated.format(10, 10))
    notebook.shell.user_ns.update({"mnist": SimpleNamespace(tier="embedded")})
    assert says(notebook, capsys) == HOLDS[notebook.language] + repeated.format(3, 3)
    assert says(notebook, capsys, CELLS[4]).endswith(repeated.format(9, 10))


def test_a_claim_that_fails_says_how_rare_that_is(notebook, capsys, monkeypatch):
    said = says(notebook, capsys, "claim(3, not better)")
    assert said.startswith("✗") and "rare" not in said and "少數" not in said
    numbers = {"en": ["3", "9", "10"], "zh-TW": ["3", "10", "9"]}
    assert re.findall(r"\d+", said) == numbers[notebook.language]
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(ClaimError, match="10"):
        claim(3, False)


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda n: run_cell(n.shell, "rate = 0.5"), 3),
        (lambda n: run_cell(n.shell, "claim(3, True)"), 3),
        (lambda n: replications.begin("another"), 3),
        (lambda n: replications.RECORD.unlink(), 3),
        (lambda n: n.shell.user_ns.update({"mnist": SimpleNamespace(tier="embedded")}), 2),
    ],
    ids=["cell changed", "claim changed", "other lesson", "no record", "other tier"],
)
def test_what_has_no_record_says_what_it_always_said(change, number, notebook, capsys):
    change(notebook)
    capsys.readouterr()
    words = HOLDS[notebook.language].replace("3", str(number))
    assert says(notebook, capsys, f"claim({number}, better)") == words
    claim(number, False)
    assert re.findall(r"\d+", capsys.readouterr().out) == [str(number)]


def test_a_notebook_run_anew_from_its_set_up_has_its_record_again(notebook, capsys):
    run_cell(notebook.shell, "rate = 0.5")
    assert says(notebook, capsys) == HOLDS[notebook.language]
    for cell in ("replications.begin('example')", "rate = 0.1"):
        run_cell(notebook.shell, cell)
    assert says(notebook, capsys) != HOLDS[notebook.language]


def test_outside_a_notebook_there_is_no_record(notebook, capsys, monkeypatch):
    monkeypatch.setattr(replications, "get_ipython", lambda: None)
    replications.begin("example")
    claim(3, True)
    assert capsys.readouterr().out.rstrip() == HOLDS[notebook.language]


def test_results_are_written_where_they_are_asked_for_and_none_raises(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setenv("COURSE_CLAIMS_FILE", str(tmp_path / "claims"))
    claim(1, True)
    claim(2, False)
    claim(3, False, tiers="full", tier="embedded")
    with pytest.raises(TypeError):
        claim(4, 1)
    claim(5, True, filed=True)
    claim(6, False, filed=True)
    kept = [json.loads(line) for line in (tmp_path / "claims").read_text().splitlines()]
    assert kept == [[1, "holds"], [2, "fails"], [3, "skipped"], [5, "filed"], [6, "fails"]]
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == ["✓", "✗", "○", "✓", "✗"]
