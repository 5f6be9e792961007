"""`make grade KEY=folder SUBMITTED=folder OUT=folder [ROSTER=file.csv]`: marks for handed-in worksheets.

KEY is the folder key/ of `make assignments`; SUBMITTED/STUDENT/NN_name.ipynb is what came back. Tasks
and points are the key's, whatever a student's file says. Writes OUT/marks.csv, a page of feedback for
each file, OUT/identical.md; an interrupted run goes on where it stopped. grade_runner.py runs the
answers, where no right result is in reach; here they are judged.
"""

import argparse
import hashlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from build import ROOT
from bundle import exercises_of, write_bundle
from confine import in_force
from grade_runner import receive, send
from marking import (
    Marked,
    Sheet,
    mark,
    read_cells,
    read_key,
    read_roster,
    write,
    write_identical,
    write_table,
)
from references import LessonError

from course_utils.exercises.recorded import judging
from course_utils.language import LANGUAGES, Text, set_language

_UNREADABLE = Text("這個檔案不是可以讀的筆記本。", "this file is no notebook that can be read.")
_NOT_HANDED_IN = Text("沒有交這個檔案。", "this file was not handed in.")
_PRINTED = Text("你的程式印出：", "Your code printed:")
_TOTAL = Text("總分 {total} / {of}", "Total {total} of {of}")


class Runner:
    """A process of grade_runner.py, begun anew whenever it has died."""

    def __init__(self, sheet: Sheet, code: Path, seconds: int) -> None:
        self._sheet, self._code, self._seconds, self._process = sheet, code, seconds, None

    def _begin(self) -> subprocess.Popen:
        tools = Path(__file__).parent
        environment = {k: v for k, v in os.environ.items() if k != "NBGRADER_EXECUTION"}
        environment |= {"PYTHONPATH": os.pathsep.join(map(str, (self._code, tools)))}
        environment |= {"OMP_NUM_THREADS": "1", "COURSE_PROGRESS": "off", "COURSE_STRICT": "1"}
        command = [sys.executable, str(tools / "grade_runner.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                command, cwd=self._code, env=environment, stderr=said, **pipes
            )
            send(process.stdin, json.dumps(self._sheet.set_up).encode())
            if receive(process.stdout) is None:
                said.seek(0)
                why = said.read().decode(errors="replace")[-2000:]
                raise LessonError(f"the set-up of {self._sheet.lesson} does not run:\n{why}")
        return process

    def ask(self, job: dict[str, Any]) -> tuple[str, bytes]:
        """How an answer ended, and what was said of it."""
        job = job | {"seconds": self._seconds}
        for _ in range(2):  # an answer may have ended the process of the one before it, not its own
            self._process = self._process or self._begin()
            with tempfile.TemporaryDirectory() as folder:
                try:
                    send(self._process.stdin, json.dumps(job | {"folder": folder}).encode())
                    reply = receive(self._process.stdout)
                except BrokenPipeError:
                    reply = None
            if reply is not None:
                return reply[:8].decode().strip(), reply[8:]
            self.close()
        return "crashed", b""

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def answers(
    sheet: Sheet, cells: list[dict[str, Any]], language: str, runner: Runner
) -> list[tuple]:
    """(task, how its answer ended, what was said of it) for each task."""
    sources = [cell["source"] for cell in cells]
    found = []
    for task in sheet.tasks:
        marks = [i for i, c in enumerate(cells) if task.cell == c["id"] or task.name == c["answer"]]
        job = {"module": f"course_utils.exercises.{sheet.lesson[3:]}", "name": task.name}
        job |= {
            "set_up": sheet.set_up,
            "cells": sources,
            "marked": marks[-1] if marks else None,
            "language": language,
        }
        found.append((task, *runner.ask(job)))
    return found


# --- the class


def grade(
    key: Path, submitted: Path, out: Path, roster: list[str], jobs: int, seconds: int = 20
) -> list[Marked]:
    """Mark every file of every student; returns one entry for each student and lesson handed in by anyone."""
    found = sorted(f.name for f in submitted.iterdir() if f.is_dir() and not f.name.startswith("."))
    students = [*dict.fromkeys([*roster, *found])]
    sheets = [read_key(path) for path in sorted(key.glob("[0-9][0-9]_*.ipynb"))]
    if not sheets:
        raise LessonError(f"{key} holds no key: give the folder key/ that `make assignments` wrote")
    sheets = [
        s for s in sheets if any((submitted / n / f"{s.lesson}.ipynb").is_file() for n in found)
    ]
    total, started, done = len(sheets) * len(students), time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder))
        for sheet in sheets:
            for marked, is_new in _lesson(
                sheet, students, submitted, out, Path(folder), (jobs, seconds)
            ):
                done.append(marked)
                if is_new:
                    _keep(marked, sheet, out)
                points, of = sum(marked.points.values()), sum(task.points for task in sheet.tasks)
                print(
                    f"[{len(done)}/{total}, {time.monotonic() - started:.0f} s] {sheet.lesson}  {marked.student}: {points}/{of}"
                )
    place = {name: number for number, name in enumerate(students)}
    done.sort(key=lambda one: (place[one.student], one.lesson))
    write_table(out, done, sheets)
    write_identical(out, done)
    return done


def _lesson(
    sheet: Sheet,
    students: list[str],
    submitted: Path,
    out: Path,
    code: Path,
    limits: tuple[int, int],
) -> Iterator[tuple[Marked, bool]]:
    """Each student's file of a lesson, marked, and whether it was marked just now."""
    waiting, judges = [], None
    for student in students:
        path = submitted / student / f"{sheet.lesson}.ipynb"
        nothing = dict.fromkeys((task.name for task in sheet.tasks), 0)
        marked = Marked(student, sheet.lesson, language=sheet.language, points=nothing)
        if not path.is_file():
            marked.note = "not_handed_in"
            yield marked, True
            continue
        marked.digest = hashlib.sha256(path.read_bytes() + sheet.digest.encode()).hexdigest()
        before = _read_result(out, student, sheet.lesson)
        if before and before.digest == marked.digest:
            yield before, False
            continue
        try:
            cells, language = read_cells(path)
        except (ValueError, OSError):
            marked.note = "unreadable"
            yield marked, True
            continue
        marked.language = language if language in LANGUAGES else sheet.language
        waiting.append((marked, cells))
    if not waiting:
        return
    jobs, seconds = limits
    with (
        _runners(sheet, code, min(jobs, len(waiting)), seconds) as idle,
        ThreadPoolExecutor(jobs) as pool,
    ):

        def work(marked: Marked, cells: list[dict[str, Any]]) -> list[tuple]:
            runner = idle.get()
            try:
                return answers(sheet, cells, marked.language, runner)
            finally:
                idle.put(runner)

        running = {pool.submit(work, *one): one for one in waiting}
        judges = {
            name: judging(e) if hasattr(e, "right") else e
            for name, e in exercises_of(sheet.lesson[3:]).items()
        }
        for future in as_completed(running):
            marked, cells = running[future]
            mark(sheet, judges, future.result(), marked, [cell["source"] for cell in cells])
            yield marked, True


@contextmanager
def _runners(sheet: Sheet, code: Path, count: int, seconds: int) -> Iterator[queue.Queue]:
    idle: queue.Queue = queue.Queue()
    with ExitStack() as stack:
        for _ in range(count):
            idle.put(runner := Runner(sheet, code, seconds))
            stack.callback(runner.close)
        yield idle


# --- what is written


def _read_result(out: Path, student: str, lesson: str) -> Marked | None:
    try:
        return Marked(**json.loads((out / "results" / student / f"{lesson}.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _keep(marked: Marked, sheet: Sheet, out: Path) -> None:
    """Feedback for the student, and what an interrupted run needs to go on."""
    set_language(marked.language)
    of = sum(task.points for task in sheet.tasks)
    total = sum(marked.points.values())
    lines = [f"# {sheet.title}", "", marked.student, "", _TOTAL.format(total=total, of=of), ""]
    notes = {"unreadable": _UNREADABLE, "not_handed_in": _NOT_HANDED_IN}
    lines += [f"{notes[marked.note]}", ""] if marked.note else []
    for task in sheet.tasks if not marked.note else ():
        lines += [f"## {task.name}: {marked.points[task.name]} / {task.points}", ""]
        lines += [marked.messages[task.name], ""]
        if printed := marked.printed.get(task.name):
            lines += [str(_PRINTED), "", *(f"    {line}" for line in printed.splitlines()), ""]
    write(out / "feedback" / marked.student / f"{marked.lesson}.md", "\n".join(lines))
    result = json.dumps(vars(marked), ensure_ascii=False)
    write(out / "results" / marked.student / f"{marked.lesson}.json", result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("key", "submitted", "out"):
        parser.add_argument(name)
    parser.add_argument("--roster", default="", help="a CSV file with a column student")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="answers at a time")
    parser.add_argument("--seconds", type=int, default=20, help="that an answer may compute")
    arguments = parser.parse_args()
    folders = [Path(value) for value in (arguments.key, arguments.submitted, arguments.out)]
    if not all((arguments.key, arguments.submitted, arguments.out)) or not hasattr(os, "fork"):
        sys.exit(
            "write: make grade KEY=folder SUBMITTED=folder OUT=folder [ROSTER=file.csv], on Linux or "
            "macOS (on Windows: in WSL or a container)"
        )
    if missing := [str(folder) for folder in folders[:2] if not folder.is_dir()]:
        sys.exit(f"there is no folder {' and no '.join(missing)}")
    for hold, is_there in in_force().items():
        if not is_there:
            print(f"This system has no hold on {hold}: mark in a container (INSTRUCTORS.md).")
    try:
        roster = read_roster(Path(arguments.roster)) if arguments.roster else []
        done = grade(*folders, roster, max(arguments.jobs, 1), arguments.seconds)
    except (LessonError, OSError) as error:
        sys.exit(str(error))
    print(f"{len(done)} files; the marks are in {folders[2] / 'marks.csv'}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
