"""The pages on which a reader tests herself: predict, then reveal; made from the notes of the lessons."""

import html
from collections.abc import Sequence

from notes import Question, as_html

from website.course import Lesson
from website.headings import Sections
from website.words import WORDS, counted


def page_name(lesson: Lesson) -> str:
    """Where the questions of a lesson are, seen from their edition's folder."""
    return f"questions/{lesson.name}"


def anchors(questions: Sequence[Question], sections: Sections) -> list[str]:
    """The anchors of the page's headings: its title, then each section that asks something."""
    return ["questions", *dict.fromkeys(sections.of_english(q.heading) for q in questions)]


def page(lesson: Lesson, questions: Sequence[Question], edition: str, sections: Sections) -> str:
    """The page of a lesson: its questions by section, each with options and folded answer.

    Without a script the answers are folds; with one (site/static/course.js) they show once the reader
    has chosen.
    """
    words = WORDS[edition]
    title = f"{lesson.number}　{lesson.titles[edition]}"
    back = f"[{title}](../{lesson.page}.html)"
    parts = [
        "---\norphan: true\n---",
        f"# {words['questions']}: {title}".replace(": ", words["colon"]),
    ]
    parts.append(words["questions_intro"].format(lesson=back))
    before = None
    for number, question in enumerate(questions, 1):
        anchor = sections.of_english(question.heading)
        if anchor != before:
            heading = sections.heading(anchor, edition)
            parts.append(f"## [{heading}](../{lesson.page}.html#{anchor})")
            before = anchor
        parts.append(_form(question, f"q{number}", edition))
    return "\n\n".join(parts) + "\n"


def _form(question: Question, name: str, edition: str) -> str:
    words, asked = WORDS[edition], question.asked[edition]
    choices = "\n".join(
        f'<label><input type="radio" name="{name}" value="{index}" required> '
        f"<span>{as_html(option.text)}</span></label>"
        for index, option in enumerate(asked.options)
    )
    answers = "\n".join(
        f"<li{' class=right' if option.is_right else ''}><strong>"
        f"{words['right' if option.is_right else 'wrong']}</strong> {as_html(option.text)} "
        f'<span class="why">{as_html(option.why)}</span></li>'
        for option in asked.options
    )
    right, wrong = (html.escape(words[key]) for key in ("is_right", "is_wrong"))
    return (
        f'<form class="question" data-right="{right}" data-wrong="{wrong}">\n'
        f"<fieldset><legend>{as_html(asked.text)}</legend>\n{choices}\n</fieldset>\n"
        f'<p class="reveal" hidden><button type="submit">{words["reveal"]}</button></p>\n'
        '<p class="said" role="status"></p>\n'
        f'<details class="answer fold"><summary>{words["answers"]}</summary>\n<ul>\n{answers}\n</ul>\n'
        "</details>\n</form>"
    )


def link(lesson: Lesson, questions: Sequence[Question], edition: str) -> str:
    """A link to the page from a lesson's page; "" where nothing is asked."""
    if not questions:
        return ""
    text = counted(edition, "count_questions", len(questions))
    return f'<a href="../{page_name(lesson)}.html">{text}</a>'
