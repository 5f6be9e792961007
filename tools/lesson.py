"""Begin a lesson, or renumber its claims: `make lesson NAME="…"`, `make renumber LESSON=NN`.

`new NAME` writes a lesson that runs, its exercises and their wrong answers: three files in which every
sentence is to be replaced. `renumber LESSON` gives the claims of a lesson the numbers 1 to n in the
order in which they stand, in both languages, in code and wherever the prose mentions one; a claim that
was put between others may have any number before, such as 0.
"""

import argparse
import io
import re
import sys
import tokenize
from pathlib import Path

from references import LessonError

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).with_name("new_lesson")
#: Where each template goes.
PLACES = {
    "lesson.py": "lessons/{file}.py",
    "exercises.py": "course_utils/exercises/{name}.py",
    "wrong_answers.py": "tests/wrong_answers/{name}.py",
}
_MENTION = re.compile(r"(\*\*)?(主張 ?|[Cc]laim )(\d+)")


def new(words: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new lesson, the last one so far; returns their paths.

    words: its English title, from which its name is made. Raises LessonError if they make no name or
    one that is taken; then nothing was written.
    """
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    if not re.match(r"[a-z]", name):
        raise LessonError(
            f"{words!r} makes no name for a file; give the English title, as in "
            'make lesson NAME="Second moments"'
        )
    numbers = [int(path.stem[:2]) for path in (root / "lessons").glob("[0-9][0-9]_*.py")]
    file = f"{max(numbers, default=-1) + 1:02d}_{name}"
    paths = {t: root / place.format(file=file, name=name) for t, place in PLACES.items()}
    taken = [
        *(root / "lessons").glob(f"[0-9][0-9]_{name}.py"),
        *filter(Path.exists, paths.values()),
    ]
    if taken:
        raise LessonError(f"{taken[0].relative_to(root)} is there already; choose another name")
    for template, path in paths.items():
        text = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.replace("NAME", name).replace("TITLE", words.strip()), encoding="utf-8"
        )
    return list(paths.values())


def renumbered(text: str, where: str = "the lesson") -> str:
    """A lesson with its claims numbered in order. Raises LessonError if that cannot be done safely."""
    calls = _calls(text, where)
    stated = {
        "the Chinese": re.findall(r"\*\*主張 ?(\d+)", text),
        "the English": re.findall(r"\*\*Claim (\d+)", text),
        "the code": [token.string for token in calls],
    }
    counts = ", ".join(f"{len(numbers)} in {which}" for which, numbers in stated.items())
    if len({len(numbers) for numbers in stated.values()}) > 1:
        raise LessonError(f"{where} has {counts}; write each claim in all three, then renumber")
    if len({tuple(numbers) for numbers in stated.values()}) > 1:
        raise LessonError(
            f"the claims of {where} do not stand in one order: {stated}; put them in one order"
        )
    old = stated["the code"]
    now = {number: str(k) for k, number in enumerate(old, start=1)}
    lines = text.splitlines(keepends=True)
    for k, token in reversed([*enumerate(calls, start=1)]):
        row, (start, end) = token.start[0] - 1, (token.start[1], token.end[1])
        lines[row] = f"{lines[row][:start]}{k}{lines[row][end:]}"
    seen = {"主張": 0, "laim": 0}

    def mention(found: re.Match) -> str:
        bold, word, number = found.groups()
        if bold:
            kind = "主張" if word.startswith("主張") else "laim"
            seen[kind] += 1
            return f"{bold}{word}{seen[kind]}"
        if old.count(number) != 1:
            raise LessonError(
                f"{where} mentions {word.strip()} {number}, and {old.count(number) or 'no'} claims "
                "have this number; give each a number of its own, then renumber"
            )
        return f"{word}{now[number]}"

    return "".join(_MENTION.sub(mention, line) if line.startswith("#") else line for line in lines)


def _calls(text: str, where: str) -> list[tokenize.TokenInfo]:
    """The numbers in the calls of ``claim``, as tokens."""
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in (tokenize.NL, tokenize.COMMENT)
        ]
    except (tokenize.TokenError, SyntaxError) as error:
        raise LessonError(f"{where} is not Python: {error}; mend it, then renumber") from error
    triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return [
        c for a, b, c in triples if (a.string, b.string) == ("claim", "(") and c.string.isdigit()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("new").add_argument("words", metavar="NAME", help="its English title")
    commands.add_parser("renumber").add_argument("lesson", help="its number or its name")
    arguments = parser.parse_args()
    try:
        if arguments.command == "new":
            paths = new(arguments.words)
            print("\n".join(f"wrote {path.relative_to(ROOT)}" for path in paths))
            name = paths[0].stem[3:]
            print(
                "Replace every sentence, both languages. Then: make notebooks LESSON="
                f'{name}, and make test ARGS="--only lessons"'
            )
            return
        found = [
            path
            for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
            if arguments.lesson in (path.stem[:2], path.stem[3:], path.stem)
        ]
        if not found:
            raise LessonError(f"no lesson is named {arguments.lesson!r}; give its number or name")
        text = found[0].read_text(encoding="utf-8")
        renewed = renumbered(text, found[0].name)
        found[0].write_text(renewed, encoding="utf-8")
        print("nothing to renumber" if renewed == text else f"renumbered {found[0].name}")
    except LessonError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
