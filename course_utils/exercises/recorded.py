"""An exercise without its right answer: what comes of its inputs was written down instead.

Who hands out an assignment replaces ``right_answer`` by ``recorded``: the inputs stay, the right
answer and the wrong solutions go, and a file says what they made of the inputs (``Expected``), of
which a student gets some. Who marks it has answers run where no right result is in reach, and only
judges what they returned (``observe``, ``judged``).
"""

import builtins
import contextlib
import copy
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.exercises import Exercise, Verdict, ends_in_a_stub, is_untouched
from course_utils.exercises.by_reference import ReferenceExercise
from course_utils.exercises.compare import Tolerance, as_array
from course_utils.exercises.messages import COMMON_MISTAKES, raised
from course_utils.exercises.outcomes import Outcome, Seen, given, same_gradients, same_values
from course_utils.exercises.sandbox import Watch, sandbox
from course_utils.language import Text

_LARGEST = 300  # numbers; a wrong solution that makes more of an input is not written down
FOLDER = Path(__file__).with_name("expected")

_SOME = Text(
    "（這裡只核對 {shown} 種輸入；評分時用全部 {total} 種。）",
    "(Checked here on {shown} inputs; for the mark it is all {total}.)",
)
_HANDED_IN = Text(
    "收到你的答案了。這一題這裡不核對，評分時才看對不對。",
    "Your answer is there. This one is not checked here; whether it is right is seen when it is marked.",
)
_OTHER_INPUTS = Text(
    "這台電腦抽到的亂數和出題時不同，所以這一題這裡不核對；評分時才看對不對。",
    "This computer draws other random numbers than the one that made the sheet, so this one is not "
    "checked here; whether it is right is seen when it is marked.",
)


class Pool:
    """Arrays on their way to a file or through a pipe: each is kept once, and known by a number."""

    def __init__(self) -> None:
        self._bytes, self._table = bytearray(), []  # type: ignore[var-annotated]
        self._known: dict[tuple, int] = {}

    def store(self, array: np.ndarray) -> int:
        """Keep an array of numbers; returns its number."""
        data = np.ascontiguousarray(array).tobytes()
        key = array.dtype.str, array.shape, data
        if key not in self._known:
            self._known[key] = len(self._table)
            self._table.append((array.dtype.str, array.shape, len(self._bytes)))
            self._bytes += data
        return self._known[key]

    def packed(self, index: dict[str, Any]) -> bytes:
        """One piece of bytes with all arrays, and an index that names them by their numbers."""
        head = json.dumps({"index": index, "arrays": self._table}, ensure_ascii=False).encode()
        return len(head).to_bytes(8, "little") + head + self._bytes

    @staticmethod
    def unpacked(data: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
        """(index, arrays). Raises LookupError, TypeError or ValueError on bytes that hold none."""
        end = 8 + int.from_bytes(data[:8], "little")
        head = json.loads(data[8:end])
        arrays = []
        for name, shape, start in head["arrays"]:
            dtype = np.dtype(name)
            if dtype.kind not in "biuf":
                raise TypeError(f"no numbers: {name}")
            flat = np.frombuffer(data, dtype, math.prod(shape), end + start)
            arrays.append(flat.reshape(shape))
        return head["index"], arrays


@dataclass
class Replayed(Outcome):
    """An outcome that was read from a file or a pipe; ``refuses`` cannot be seen on its error."""

    was_refused: bool = False
    is_stub: bool = False

    @property
    def refuses(self) -> bool:
        """Whether the answer itself raised its error."""
        return self.was_refused


def packed(outcome: Outcome, pool: Pool) -> dict[str, Any]:
    """What can be written of an outcome, as JSON knows it; its arrays go to the pool."""
    if outcome.result is ...:
        return {"says": "nothing"}
    if error := outcome.error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        own = {"refuses": outcome.refuses, "stub": ends_in_a_stub(error)}
        return {"error": kinds, "message": str(error)[:500]} | own
    found: dict[str, Any] = {"type": type(outcome.result).__name__}
    if isinstance(outcome.result, tuple | list):
        found["length"] = len(outcome.result)
    if outcome.parts is not None:
        found["parts"] = [
            {place: pool.store(array) for place, array in part.items()} for part in outcome.parts
        ]
    if outcome.gradients is not None:
        found["gradients"] = [pool.store(array) for array in outcome.gradients]
    return found | {"why": outcome.why_no_gradient[:500]}


def unpacked(found: dict[str, Any], arrays: list[np.ndarray]) -> Replayed:
    """The outcome of ``packed``. Raises LookupError, TypeError or ValueError on what is none."""
    if found.get("says") == "nothing":
        return Replayed(...)
    if "error" in found:
        kinds = [getattr(builtins, str(name), None) for name in found["error"]]
        kind = next(k for k in [*kinds, Exception] if isinstance(k, type))
        kind = kind if issubclass(kind, BaseException) else Exception
        error = kind.__new__(kind)
        error.args = (str(found["message"]),)
        return Replayed(error=error, was_refused=found["refuses"] is True, is_stub=found["stub"])
    name, length = str(found["type"]), found.get("length")
    result: Any = None if name == "NoneType" else type(name, (), {})()
    if length is not None:
        result = [None] * min(int(length), 1000)
    parts, gradients = found.get("parts"), found.get("gradients")
    return Replayed(
        result,
        parts=parts and tuple({str(k): arrays[int(v)] for k, v in p.items()} for p in parts),
        gradients=gradients and tuple(arrays[int(number)] for number in gradients),
        why_no_gradient=str(found["why"]),
    )


@dataclass
class Expected:
    """What the right answer and the wrong solutions of an exercise make of its inputs.

    right: one outcome for each input; None where it is held back. ways: (name of a mistake, its
    outcomes). sizes: for each input the size of the numbers in it, by which it is recognized.
    """

    right: list[Outcome | None]
    ways: list[tuple[str, list[Outcome]]]
    tolerances: list[Tolerance]
    sizes: list[float]
    hint: tuple[str, str] = ("", "")
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, exercise: ReferenceExercise) -> "Expected":
        """Run the right answer and all wrong solutions of an exercise."""
        with sandbox(300):
            right = exercise.outcomes(exercise.right)
            ways = [(name, exercise.outcomes(way)) for name, way in exercise.ways()]
            tolerances, sizes = exercise.tolerances(), [_size(case) for case in exercise._cases()]
        texts = {name: (text.zh, text.en) for name, text in exercise.mistakes.items()}
        hint = (exercise._hint.zh, exercise._hint.en)
        return cls([*right], ways, tolerances, sizes, hint, texts)

    def write(self, path: Path, shown: Iterable[int]) -> None:
        """Write it, with the results of the inputs of these numbers only."""
        pool = Pool()
        inputs = [index for index in shown if self.right[index] is not None]
        nothing = Outcome(...)
        ways = [
            [
                name,
                [
                    packed(o if _is_small(o) else nothing, pool)
                    for o in map(made.__getitem__, inputs)
                ],
            ]
            for name, made in self.ways
        ]
        index = {
            "hint": self.hint,
            "texts": self.texts,
            "num_inputs": len(self.right),
            "inputs": inputs,
            "sizes": [self.sizes[i] for i in inputs],
            "right": [packed(self.right[i] or Outcome(...), pool) for i in inputs],
            "ways": ways,
            "tolerances": [
                (t.eps, None if t.terms is None else pool.store(as_array(t.terms)), t.slack)
                for t in (self.tolerances[i] for i in inputs)
            ],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zlib.compress(pool.packed(index), 9))

    @classmethod
    def read(cls, path: Path) -> "Expected":
        """What ``write`` wrote."""
        index, arrays = Pool.unpacked(zlib.decompress(path.read_bytes()))
        total, inputs = index["num_inputs"], index["inputs"]
        at = {number: place for place, number in enumerate(inputs)}

        def spread(values: list[Any], other: Any = None) -> list[Any]:
            return [values[at[i]] if i in at else other for i in range(total)]

        def outcomes(found: list[dict[str, Any]]) -> list[Any]:
            return [unpacked(one, arrays) for one in found]

        tolerances = [
            Tolerance(eps, None if terms is None else arrays[terms], slack)
            for eps, terms, slack in index["tolerances"]
        ]
        ways = [(name, spread(outcomes(found), Outcome(...))) for name, found in index["ways"]]
        return cls(
            spread(outcomes(index["right"])),
            ways,
            spread(tolerances, Tolerance(0.0)),
            spread(index["sizes"], 0.0),
            tuple(index["hint"]),
            {name: tuple(text) for name, text in index["texts"].items()},
        )


def _is_wrong(seen: Seen) -> bool:
    return not (seen.has_right_values() and seen.has_right_gradients())


def _is_small(outcome: Outcome) -> bool:
    return sum(array.size for array in outcome.arrays) <= _LARGEST


def _size(case: given) -> float:
    """Of the plain numbers among the arguments; the same wherever the input is the same."""
    total = 0.0
    for argument in [*case.args, *case.kwargs.values()]:
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            array = as_array(argument).astype(float)
            total += float(np.abs(array[np.isfinite(array)]).sum())
    return total


class RecordedExercise(ReferenceExercise):
    """Judges by what was written down; looks only at inputs whose right result it has."""

    expected: Expected

    @property
    def shown(self) -> list[int]:
        """The numbers of the inputs whose right results are known."""
        return [i for i, right in enumerate(self.expected.right) if right is not None]

    def outcomes(self, function: Callable, watch: Watch | None = None) -> list[Outcome]:
        """As for any exercise; those of the right answer were written down, those of a report read."""
        if function is self.right:
            return [right for right in self.expected.right if right is not None]
        if isinstance(function, Report):
            return [function.outcomes[i] for i in self.shown]
        return super().outcomes(function, watch)

    def tolerances(self) -> list[Tolerance]:
        """How far a result may be off, for each input."""
        return [self.expected.tolerances[i] for i in self.shown]

    def _named(self, table: list[Seen], wrong: list[Seen]) -> tuple[str, str] | None:
        judges_gradients = all(seen.has_right_values() for seen in table)
        names = []
        for name, outcomes in self.expected.ways:
            made = [outcomes[i] for i in self.shown]
            rows = zip(table, made, strict=True)
            says = any(one.result is not ... for seen, one in rows if _is_wrong(seen))
            if says and all(
                same_values(seen.got, one, seen.tolerance)
                and (not judges_gradients or same_gradients(seen.got, one, seen.tolerance))
                for seen, one in zip(table, made, strict=True)
            ):
                names.append(name)
        if len(self.shown) == len(self.expected.right):  # all inputs tell all mistakes apart
            names = names[:1]
        if len(set(names)) == 1:
            return self._say(names[0])
        for name, mistake in self._known.items():
            with contextlib.suppress(Exception):  # it asks for what a report does not hold
                if mistake.when and mistake.when(wrong):
                    return self._say(name)
        return None

    def _ignored(self, value: Callable, table: list[Seen]) -> str:
        return ""  # to see it, the right answer would have to run

    def _wrong_value(
        self, value: Callable, table: list[Seen], wrong: list[Seen]
    ) -> tuple[str, str]:
        if isinstance(value, Report):
            for index, seen in enumerate(table):
                if seen.got.error and not seen.has_right_values():
                    return value.raised[self.shown[index]]
        return super()._wrong_value(value, table, wrong)

    def _broken_promise(self, table: list[Seen], watch: Watch) -> tuple[str, str] | None:
        if isinstance(watch, _Told):
            return watch.broken
        return super()._broken_promise(table, watch)

    # --- marking

    def observe(self, value: Any, pool: Pool) -> dict[str, Any]:
        """Run an answer, and tell all that can be seen without knowing what is right."""
        if early := self._before_anything_right(value):
            return {"found": early}
        with sandbox(self.seconds) as printed:
            watch = Watch(self._forbidden)
            got = super().outcomes(value, watch)
            found = self._found(got, watch)
            cases = list(self._cases())
            table = [Seen(c, g, g, Tolerance(0.0)) for c, g in zip(cases, got, strict=True)]
            kept = not found and not any(one.error or one.parts is None for one in got)
            broken = super()._broken_promise(table, watch) if kept else None
            told = [
                (one.error and (self._misused(one.error) or ("raised", raised(one.error, label))))
                for one, label in zip(got, map(self._label, cases), strict=True)
            ]
        outcomes = [packed(one, pool) for one in got]
        report = {"found": found, "outcomes": outcomes, "raised": told, "broken": broken}
        return report | {"printed": "\n".join(printed.first_lines(20)[0])}

    def _before_anything_right(self, value: Any) -> tuple[str, str] | None:
        if is_untouched(value):
            return self._say("not_attempted")
        if not callable(value):
            wanted = "not_a_class" if self.name[0].isupper() else "not_a_function"
            return self._say(wanted, got=type(value).__name__, name=self.name)
        return None

    def _found(self, got: list[Outcome], watch: Watch) -> tuple[str, str] | None:
        if any(one.error and ends_in_a_stub(one.error) for one in got):
            return self._say("not_attempted")
        if watch.ran_a_solution:
            return self._say("not_yours")
        if changed := next((one.changed for one in got if one.changed), None):
            return self._say("changed_argument", position=changed)
        if watch.left:
            return self._say("left_switched", names=", ".join(sorted(watch.left)))
        return None

    def judged(self, report: "Report") -> Verdict:
        """The verdict on an answer that ran elsewhere."""
        if report.found:
            return Verdict(False, *report.found, printed=report.printed)
        cases = [case for i, case in enumerate(self._cases()) if i in self.shown]
        got, right = self.outcomes(report), self.outcomes(self.right)
        table = [Seen(*row) for row in zip(cases, got, right, self.tolerances(), strict=True)]
        found = self._compared(report, table, _Told(report.broken))
        return Verdict(found is None, *(found or (None, "")), printed=report.printed)


class _Told(Watch):
    """Stands for the watch over an answer that ran elsewhere."""

    def __init__(self, broken: tuple[str, str] | None) -> None:
        super().__init__()
        self.broken = broken


class Report:
    """What ``observe`` told, read with distrust. Raises LookupError, TypeError or ValueError."""

    def __init__(self, told: dict[str, Any], arrays: list[np.ndarray], num_inputs: int) -> None:
        self.printed = str(told.get("printed", ""))[:4000]
        self.found = _pair(told["found"])
        self.outcomes: list[Replayed] = []
        if self.found:
            return
        self.outcomes = [unpacked(one, arrays) for one in told["outcomes"]]
        self.raised = [_pair(one) or ("raised", "") for one in told["raised"]]
        self.broken = _pair(told["broken"])
        if not len(self.outcomes) == len(self.raised) == num_inputs:
            raise ValueError(f"{num_inputs} inputs, and {len(self.outcomes)} results")

    def __call__(self) -> None:
        """Never called: it stands where an answer would."""


def _pair(value: Any) -> tuple[str, str] | None:
    return (str(value[0])[:100], str(value[1])[:2000]) if value else None


def judging(exercise: ReferenceExercise) -> RecordedExercise:
    """The exercise as one that judges reports; runs its right answer and wrong solutions once."""
    judge = copy.copy(exercise)
    judge.__class__ = RecordedExercise
    judge.expected = Expected.of(exercise)  # type: ignore[attr-defined]
    return judge  # type: ignore[return-value]


# --- what an assignment holds in place of right answers


class Shipped(RecordedExercise):
    """What a student gets: checks on some inputs, and says on how many."""

    def __init__(self, signature: Callable, cases: Callable, **promises: Any) -> None:
        file = FOLDER / f"{signature.__name__}.bin"
        self.expected = Expected.read(file) if file.is_file() else Expected([], [], [], [])
        super().__init__(signature, cases, Text(*self.expected.hint), **promises)
        self.mistakes = {name: Text(*text) for name, text in self.expected.texts.items()}
        self._all_cases, self._cases = cases, self._shown_cases
        if not file.is_file():  # where answers are marked: nothing is known here
            self._cases = cases

    def _shown_cases(self) -> Iterator[given]:
        shown = self.shown
        return (case for i, case in enumerate(self._all_cases()) if i in shown)

    def check(self, value: Any) -> None:
        """Print whether the answer is right on the inputs that are shown."""
        shown, total = len(self.shown), len(self.expected.right)
        if is_untouched(value):
            super().check(value)
        elif not shown:
            print(f"○ {_HANDED_IN}")
        elif self._draws_other_numbers():
            print(f"○ {_OTHER_INPUTS}")
        else:
            super().check(value)
            if shown < total:
                print(_SOME.format(shown=shown, total=total))

    def _draws_other_numbers(self) -> bool:
        with sandbox(self.seconds):
            here = [_size(case) for case in self._shown_cases()]
        there = [self.expected.sizes[i] for i in self.shown]
        return len(here) != len(there) or not np.allclose(here, there, rtol=1e-4)


def recorded(*, cases: Callable[[], Iterable[given]], **promises: Any) -> Callable:
    """In the place of ``right_answer``: the decorated function has a signature, and no body."""
    return lambda signature: Shipped(signature, cases, **promises)


class HandedIn(Exercise):
    """An exercise that asks for a value, such as readings: nothing is checked before it is marked."""

    def __init__(self, name: str, module: str, zh: str, en: str) -> None:
        self.name, self._module, self._hint, self.mistakes = name, module, Text(zh, en), {}

    def check(self, value: Any) -> None:
        """Say whether there is an answer."""
        is_empty = isinstance(value, dict) and all(entry is ... for entry in value.values())
        if is_untouched(value) or is_empty:
            print(f"○ {COMMON_MISTAKES['not_attempted']}")
        else:
            print(f"○ {_HANDED_IN}")
