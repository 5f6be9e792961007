"""What readers move by hand: a lesson's sliders, the perceptron's line, the bowl that tilts."""

import html
import json
import re
from pathlib import Path

import slider_frames

from website.course import ROOT, Lesson
from website.words import WORDS

#: Where the scripts stand, seen from a lesson's page and from the bowl's.
_STATIC = {"perceptron": "../_static/perceptron.js", "bowl": "_static/bowl.js"}
_DRAWN = re.compile(r"^explore\((\w+), ", re.MULTILINE)
#: Function that a lesson explores with several sliders -> what stands below its figure.
BY_HAND = {"try_line": "perceptron"}
_BOWL = ("seed", 0, 99, 1), ("tilt", 0, 90, 1), ("kappa", 1, 100, 1), ("noise", 0, 20, 1)
_BOWL += ("steps", 1, 200, 1), ("beta", 0, 0.99, 0.01)
_METHODS = ("gd", "momentum", "adam")


def with_slider(code: str, lesson: str, figure: str, edition: str) -> str:
    """HTML of a figure that ``explore`` drew, with what moves it; as it was, if nothing does."""
    drawn = _DRAWN.search(code)
    if drawn is None:
        return figure
    if BY_HAND.get(drawn[1]) == "perceptron":
        return f"{figure}{perceptron(edition)}"
    strip = ROOT / slider_frames.FRAMES / lesson / f"{drawn[1]}.webp"
    about = json.loads(strip.with_suffix(".json").read_text(encoding="utf-8"))
    width, height = about["size"]
    return (
        f'<div class="frames" data-strip="../../frames/{lesson}/{strip.name}" '
        f'data-name="{about["name"]}" data-values="{json.dumps(about["values"])}" '
        f'data-start="{about["start"]}" data-size="{width} / {height}">{figure}</div>'
    )


def _words(edition: str, name: str) -> str:
    return html.escape(json.dumps(WORDS[edition][name], ensure_ascii=False))


def _range(words: str, name: str, low: float, high: float, value: float, step: float) -> str:
    return (
        f'<label>{words} <input type="range" name="{name}" min="{low}" max="{high}" step="{step}" '
        f'value="{value}"> <output></output></label>'
    )


def perceptron(edition: str) -> str:
    """The four points of AND, OR and XOR with a line: three sliders, and the rule step by step."""
    words = WORDS[edition]["perceptron"]
    gates = "".join(
        f'<label><input type="radio" name="gate" value="{gate}"{checked}> {gate}</label>'
        for gate, checked in (("AND", " checked"), ("OR", ""), ("XOR", ""))
    )
    sliders = "".join(
        _range(shown, name, -3, 3, value, 0.5)
        for shown, name, value in (("w₁", "w1", 1), ("w₂", "w2", 1), ("b", "b", -0.5))
    )
    return (
        f'<div class="touch perceptron" data-words="{_words(edition, "perceptron")}">'
        f'<p class="touch-title">{words["title"]}</p>'
        '<canvas role="img" width="330" height="330"></canvas><div class="knobs">'
        f"<fieldset><legend>{words['gate']}</legend>{gates}</fieldset>{sliders}"
        f'<p><button type="button" data-do="step">{words["step"]}</button> '
        f'<button type="button" data-do="zero">{words["zero"]}</button></p>'
        f'<p role="status"></p></div></div><script src="{_STATIC["perceptron"]}"></script>'
    )


def bowl_page(edition: str, optimizers: Lesson) -> str:
    """The page of the bowl that tilts (Markdown); ``optimizers``: the lesson it belongs to."""
    words = WORDS[edition]["bowl"]
    sliders = [_range(words[name], name, low, high, low, step) for name, low, high, step in _BOWL]
    rates = [_range(f"{words['rate']}{words[name]}", name, -40, 20, 0, 1) for name in _METHODS]
    rows = "".join(
        f'<tr><th scope="row">{words[name]}</th><td></td><td></td></tr>' for name in _METHODS
    )
    head = "".join(f'<th scope="col">{words[name]}</th>' for name in ("method", "end", "there"))
    tries = "\n".join(f"1. {one}" for one in words["tries"])
    widget = (
        f'<div class="touch bowl" data-words="{_words(edition, "bowl")}">'
        '<canvas role="img" width="480" height="480"></canvas>'
        f'<div class="knobs">{"".join([*sliders, *rates])}'
        f'<p><button type="button" data-do="tune">{words["tune"]}</button> '
        f'<button type="button" data-do="reset">{words["reset"]}</button></p>'
        f'<table class="docutils"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f'</div></div><script src="{_STATIC["bowl"]}"></script>'
    )
    number = WORDS[edition]["lesson_number"].format(number=optimizers.number)
    intro = words["intro"].replace("[[optimizers]]", f"[{number}]({optimizers.page}.html)")
    return (
        f"# {words['title']}\n\n{intro}\n\n{widget}\n\n## {words['try']}\n\n{tries}\n\n"
        f"{words['legend']}\n"
    )


def files() -> dict[str, Path]:
    """Where a strip stands in the website -> its file."""
    return {
        f"frames/{path.parent.name}/{path.name}": path
        for path in (ROOT / slider_frames.FRAMES).glob("*/*.webp")
    }
