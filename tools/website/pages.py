"""The pages that are no lesson: the home page, the claims, the glossary, the reference."""

import ast
import pkgutil
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from website.claims import Claim
from website.course import README, Lesson
from website.words import WORDS, counted


def minutes(lesson: Lesson) -> str:
    """How long it runs, as the lesson itself says it; "" if that was not measured."""
    return "" if lesson.seconds is None else f"≈{max(lesson.seconds / 60, 0.1):.1f}"


def record(claims: Sequence[Claim], edition: str) -> str:
    """A sentence on how often the claims of a lesson held; "" without a record."""
    blocks = min((claim.blocks for claim in claims), default=0)
    if not blocks:
        return ""
    held = sum(claim.held == claim.blocks for claim in claims)
    name = "record_all" if held == len(claims) else "record_some"
    return WORDS[edition][name].format(blocks=blocks, held=held, count=len(claims))


def in_class(lesson: Lesson, edition: str) -> str:
    """How long it is taught, and with its exercises; "" if its notes do not say."""
    together = lesson.teaching + lesson.practice
    words = WORDS[edition]["in_class"].format(teaching=lesson.teaching, together=together)
    return words if lesson.teaching else ""


def facts(
    lesson: Lesson,
    claims: Sequence[Claim],
    edition: str,
    files: Mapping[str, str],
    questions: str = "",
) -> str:
    """HTML below a lesson's title: how long, how much, and what to take along.

    questions: HTML, a link to them.
    files: words -> address, seen from the lesson's page; what has a name with a dot is downloaded.
    """
    words = WORDS[edition]
    known = [words["minutes"].format(minutes=minutes(lesson))] if minutes(lesson) else []
    if lesson.exercises:
        known.append(counted(edition, "count_exercises", len(lesson.exercises)))
    known[1:1] = filter(None, [in_class(lesson, edition)])
    known += filter(None, [questions])
    if claims:
        text = counted(edition, "count_claims", len(claims))
        known.append(f'<a href="../claims.html#{lesson.name}">{text}</a>')
        known += filter(None, [record(claims, edition)])
    links = [
        f'<a href="{address}"{" download" if address.endswith(".ipynb") and "//" not in address else ""}>'
        f"{name}</a>"
        for name, address in files.items()
    ]
    return (
        f'<ul class="facts">{"".join(f"<li>{one}</li>" for one in known)}</ul>\n'
        f'<ul class="facts take-along">{"".join(f"<li>{one}</li>" for one in links)}</ul>'
    )


def _toctree(caption: str, pages: Sequence[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```\n"])


def home(root: Path, lessons: Sequence[Lesson], edition: str) -> str:
    """The home page: what the README says of the course, then its lessons."""
    words = WORDS[edition]
    readme = (root / README[edition]).read_text(encoding="utf-8").partition("\n## ")[0]
    readme = re.sub(r"^\[[^\]]*\]\(README[^)]*\)\n+", "", readme, flags=re.MULTILINE)
    readme = re.sub(r"<!--.*?-->", "", readme, flags=re.DOTALL)
    rows = []
    for lesson in lessons:
        known = [words["minutes"].format(minutes=minutes(lesson))] if minutes(lesson) else []
        known += filter(None, [in_class(lesson, edition)])
        if lesson.exercises:
            known.append(counted(edition, "count_exercises", len(lesson.exercises)))
        rows.append(
            f'<li><a href="{lesson.page}.html"><span class="lesson-number">{lesson.number}</span> '
            f"{lesson.titles[edition]}</a><p>{_code(lesson.about[edition])}</p>"
            f'<p class="lesson-known">{" · ".join(known)}</p></li>'
        )
    others = ["bowl", "claims", "glossary", "api/index"]
    return "\n".join(
        [
            readme.strip(),
            "",
            f"## {words['lessons']}",
            "",
            f'<ol class="lesson-list">{"".join(rows)}</ol>',
            "",
            _toctree(words["lessons"], [lesson.page for lesson in lessons]),
            _toctree(words["look_up"], others),
        ]
    )


def _code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def claims_page(lessons: Sequence[Lesson], claims: Mapping[str, list[Claim]], edition: str) -> str:
    """All claims by lesson, each with its record. ``claims``: by the name of the lesson."""
    words = WORDS[edition]
    parts = [f"# {words['claims']}\n\n{words['claims_intro']}"]
    for lesson in lessons:
        if not claims[lesson.name]:
            continue
        rows = []
        for claim in claims[lesson.name]:
            times = f"{claim.held} / {claim.blocks}" if claim.blocks else words["no_record"]
            sentence = re.sub(r"\s+", " ", claim.sentence).replace("|", "\\|")
            rows.append(
                f"| [{claim.number}]({lesson.page}.html#claim-{claim.number}) | {sentence} | {times} |"
            )
        parts.append(
            f"## {lesson.number}　{lesson.titles[edition]}\n\n"
            f"| {words['number']} | {words['sentence']} | {words['record']} |\n|---|---|---|\n"
            + "\n".join(rows)
        )
    return "\n\n".join(parts) + "\n"


def glossary_page(table: Sequence[Sequence[str]], edition: str, first: Mapping[str, Lesson]) -> str:
    """The glossary as a table. ``first``: by English term, the lesson that uses it first."""
    words = WORDS[edition]
    own, other = (0, 1) if edition == "en" else (1, 0)
    heads = [words[name] for name in ("term", "other_term", "symbol", "code_name", "not_used")]
    lines = [f"# {words['glossary']}\n\n{words['glossary_intro']}\n"]
    lines.append(f"| {' | '.join([*heads, words['lesson']])} |\n|{'---|' * 6}")
    for row in table:
        anchor = f'<span id="{term_anchor(row[0])}"></span>'
        lesson = first.get(row[0])
        where = f"[{lesson.number}]({lesson.page}.html)" if lesson else ""
        cells = [anchor + row[own], row[other], row[2], row[3], row[4], where]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def term_anchor(english: str) -> str:
    """Where the glossary has a term."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", english.lower()).strip("-")


def read_glossary(root: Path) -> list[list[str]]:
    """The rows of GLOSSARY.md: English, Chinese, symbol, code name, not used."""
    text = (root / "GLOSSARY.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def modules(root: Path) -> dict[str, str]:
    """Name -> first line of the docstring: all modules of course_utils but its exercises' insides."""
    names = []
    for found in pkgutil.walk_packages([str(root / "course_utils")], "course_utils."):
        if not re.search(r"\.exercises\.|\._", found.name):
            names.append(found.name)
    summaries = {}
    for name in sorted(names):
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        summaries[name] = doc.partition("\n")[0]
    return summaries


def reference(root: Path, found: Mapping[str, str], edition: str) -> dict[str, str]:
    """File name -> source (reStructuredText): a page of all modules, and one for each."""
    words = WORDS[edition]
    rows = [f"   * - :doc:`{name} <{name}>`\n     - {summary}" for name, summary in found.items()]
    title = words["reference"]
    package = (root / "course_utils" / "__init__.py").read_text(encoding="utf-8")
    overview = ast.get_docstring(ast.parse(package)).replace("``", "").splitlines()
    pages = {
        "index.rst": "\n".join(
            [
                title,
                "=" * 2 * len(title),
                "",
                words["reference_intro"],
                "",
                ".. code-block:: text",
                "",
                *(f"   {line}".rstrip() for line in overview),
                "",
                ".. list-table::",
                "   :class: modules",
                "   :widths: auto",
                "",
                *rows,
            ]
        )
    }
    for name in found:  # in no list of contents: it would stand on every page
        pages[f"{name}.rst"] = (
            f":orphan:\n\n{name}\n{'=' * len(name)}\n\n"
            f".. automodule:: {name}\n   :members:\n   :ignore-module-all:\n"
        )
    return pages
