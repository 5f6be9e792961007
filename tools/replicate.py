"""Repeat the lessons with other seeds: `make replicate`, or `python tools/replicate.py [LESSON ...]
[--blocks 10] [--data full|embedded] [--check]`.

Each block executes every lesson with seeds of its own (COURSE_SEED_OFFSET 1 to --blocks), one lesson per
core, and records which claims held: course_utils/notebook/replications.json, whose entries
`course_utils.notebook.replications` describes. The record is written anew after each lesson, so an
interrupted run goes on where it stopped. On the embedded digits only lessons that load MNIST are
repeated; for the others, nothing would be different.
A record belongs to the code cells of its lesson: once they change, it begins again. It does not ask for
more when course_utils changes, or else every docstring would cost an hour; what changes results changes
committed outputs too. To record a lesson anew after such a change, remove its entry from the file.
--check repeats one recorded block of the two shortest lessons, and fails if another claim fails.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import build
from joblib import Parallel, delayed
from lesson_rules import claim_calls
from nbformat import NotebookNode
from references import CATALOGUE, LessonError
from run_tests import INTERRUPTED, ONE_PROCESS_EACH

from course_utils.mnist import DataError, load_mnist
from course_utils.notebook import replications
from course_utils.unfinished_files import written_whole

#: Claim -> "holds", "fails", "skipped", or "filed": holds of a file, which no seed changes.
Results = dict[int, str]


def loads_mnist(notebook: NotebookNode) -> bool:
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return any("load_mnist(" in source for source in code)


def repeat(
    notebook: NotebookNode, folder: Path, tier: str, offset: int
) -> tuple[Results, str, float]:
    """Execute a lesson with the seeds of one block: results, what went wrong (or ""), seconds."""
    started = time.perf_counter()
    results, problem = {}, ""
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, "claims")
        environment = {"COURSE_DATA": tier, "COURSE_SEED_OFFSET": str(offset)}
        environment = {**ONE_PROCESS_EACH, **environment, "COURSE_CLAIMS_FILE": str(file)}
        try:
            build.execute(notebook, folder, environment)
        except Exception as error:  # whatever it is, the other lessons go on
            problem = f"{getattr(error, 'ename', type(error).__name__)}: "
            problem += str(getattr(error, "evalue", error)).strip()
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
            number, result = json.loads(line)
            results[number] = result
    wanted = {call.args[0].value for call in claim_calls(notebook.cells)}
    if not problem and results.keys() != wanted:
        problem = f"claims {sorted(wanted ^ results.keys())} were not tested, or not in the lesson"
    return results, problem, time.perf_counter() - started


def repeat_job(number: int, *arguments: Any) -> tuple[int, Results, str, float]:
    return number, *repeat(*arguments)


def failed_of(results: Results) -> list[int]:
    return sorted(number for number, result in results.items() if result == "fails")


def recorded_blocks(lesson: Path, notebook: NotebookNode, tier: str) -> dict[str, Any]:
    """What the record holds of this lesson as it is now: ``offsets``, ``claims``, ``failed``."""
    entry = replications.read_record().get(lesson.stem[3:], {})
    none: dict[str, Any] = {"offsets": [], "claims": [], "failed": {}}
    return entry.get(tier, none) if entry.get("code") == build.digests_of(notebook) else none


def save(lesson: Path, notebook: NotebookNode, tier: str, offset: int, results: Results) -> None:
    """Add one block of one lesson to the record, which is replaced as a whole."""
    record, code = replications.read_record(), build.digests_of(notebook)
    blocks = recorded_blocks(lesson, notebook, tier)
    failed = {int(number): offsets for number, offsets in blocks["failed"].items()}
    for number in failed_of(results):
        failed[number] = sorted([*failed.get(number, []), offset])
    entry = record.get(lesson.stem[3:], {})
    record[lesson.stem[3:]] = {
        **(entry if entry.get("code") == code else {}),
        "code": code,
        tier: {
            "offsets": sorted([*blocks["offsets"], offset]),
            "claims": sorted(n for n, result in results.items() if result in ("holds", "fails")),
            "failed": dict(sorted(failed.items())),
        },
    }
    ordered = [path.stem[3:] for path in build.lesson_paths()]
    text = json.dumps({name: record[name] for name in ordered if name in record}, indent=1)
    text = re.sub(r"\[[^][{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    text = text.replace("[ ", "[").replace(" ]", "]")
    with written_whole(replications.RECORD) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def run(wanted: list[str], blocks: int, data: str) -> int:
    """Make what the record lacks, and print it; returns how many executions went wrong."""
    lessons = [(path, build.edition(path, "en")) for path in build.chosen_lessons(wanted)]
    if data == "embedded":
        lessons = [pair for pair in lessons if loads_mnist(pair[1])]
    if not lessons:
        raise LessonError("it loads no MNIST: repeat it without DATA=embedded")
    if any(loads_mnist(notebook) for _, notebook in lessons):
        load_mnist(data)  # or say at once that it is missing
    jobs = [
        (lesson, notebook, offset)
        for offset in range(1, blocks + 1)
        for lesson, notebook in lessons
        if offset not in recorded_blocks(lesson, notebook, data)["offsets"]
    ]
    print(f"{len(jobs)} of {len(lessons) * blocks} executions are to be made", flush=True)

    # threads, for they only wait: each lesson runs in a process of its own, its kernel
    pool = Parallel(n_jobs=-1, backend="threading", return_as="generator_unordered")
    done = pool(
        delayed(repeat_job)(number, notebook, build.FOLDERS["en"], data, offset)
        for number, (_, notebook, offset) in enumerate(jobs)
    )
    problems = []
    for count, (number, results, problem, seconds) in enumerate(done, start=1):
        lesson, notebook, offset = jobs[number]
        where = f"block {offset}, {lesson.stem}"
        if problem:
            problems.append(f"{where} could not be repeated: {problem}")
            said = "FAILED"
        else:
            save(lesson, notebook, data, offset, results)
            said = f"claims that fail: {', '.join(map(str, failed_of(results))) or 'none'}"
        print(f"[{count}/{len(jobs)}] {where}: {said} ({seconds:.0f} s)", flush=True)
    print("\n".join(["", *summary(lessons, data), *problems]))
    return len(problems)


def summary(lessons: list[tuple[Path, NotebookNode]], tier: str) -> list[str]:
    """A line per lesson: in how many blocks its claims held."""
    lines = []
    for lesson, notebook in lessons:
        blocks = recorded_blocks(lesson, notebook, tier)
        total, failed = len(blocks["offsets"]), blocks["failed"]
        always = len(blocks["claims"]) - len(failed)
        others = [f"; {n} in {total - len(at)}" for n, at in failed.items()]
        lines.append(
            f"{lesson.stem}, {total} blocks: {always} of {len(blocks['claims'])} claims held in all"
            f"{''.join(others)}"
        )
    return lines


def check() -> list[str]:
    """What comes out otherwise when one recorded block of the two shortest lessons is made again."""
    data = load_mnist().tier
    seconds = json.loads((build.ROOT / CATALOGUE).read_text(encoding="utf-8"))
    recorded = []
    for lesson in build.lesson_paths():
        notebook = build.edition(lesson, "en")
        tier = data if loads_mnist(notebook) else "full"
        blocks = recorded_blocks(lesson, notebook, tier)
        if blocks["offsets"]:
            length = seconds[lesson.stem[3:]].get("seconds", 0)
            recorded.append((length, lesson.stem, notebook, tier, blocks))
    problems = []
    for _, name, notebook, tier, blocks in sorted(recorded, key=lambda found: found[:2])[:2]:
        offset = blocks["offsets"][0]
        results, problem, _ = repeat(notebook, build.FOLDERS["en"], tier, offset)
        before = sorted(int(number) for number, at in blocks["failed"].items() if offset in at)
        if not problem and failed_of(results) != before:
            problem = f"claims {failed_of(results)} fail, by the record {before}"
        print(f"block {offset}, {name}: {problem or 'as recorded'}")
        problems += [f"block {offset}, {name}: {problem}"] if problem else []
    if not recorded:
        print("no lesson was repeated on this data yet, as it is now: nothing to compare")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names; all by default")
    parser.add_argument("--blocks", type=int, default=10, help="how many, 10 by default")
    parser.add_argument("--data", choices=["full", "embedded"], default="full")
    parser.add_argument("--check", action="store_true", help="repeat one block of two lessons")
    arguments = parser.parse_args()
    if arguments.blocks < 1:
        parser.error(f"--blocks must be at least 1, got {arguments.blocks}")
    try:
        if arguments.check:
            sys.exit(bool(check()))
        sys.exit(bool(run(arguments.lessons, arguments.blocks, arguments.data)))
    except (LessonError, DataError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("\nStopped. What was made is saved; the same command goes on from there.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
