"""What is moved by hand on the website: the same numbers as the lessons' Python, in a real browser."""

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import jupytext
import make_site
import numpy as np
import pytest
import torch
from handouts import chromium
from playwright.sync_api import Page
from site_checks import new_page
from test_browser import CHROMIUM
from website import touch

from course_utils.optimizers import adam_step, momentum_step, sgd_step

STATIC = make_site.SOURCE / "static"
OPTIMIZERS = next(one for one in make_site.read_course(make_site.ROOT) if one.name == "optimizers")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, see test_browser.py"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    """A bare page with the perceptron, the bowl and two sliders; nothing may go wrong on it."""
    folder = tmp_path_factory.mktemp("touch") / "en" / "lessons"
    folder.mkdir(parents=True)
    png = "<img alt='two lines' width=720 height=270 src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"
    parts = [
        touch.with_slider("explore(try_line, a=1)", "perceptron_xor", png, "en"),
        touch.with_slider("explore(draw_losses, z=1)", "losses", png, "en"),
        touch.bowl_page("en", OPTIMIZERS).partition("</p>")[0],
    ]
    widget = touch.bowl_page("en", OPTIMIZERS)
    parts[2] = widget[widget.index("<div") : widget.index("</script>")] + "</script>"
    scripts = "".join(
        f"<script>{(STATIC / name).read_text(encoding='utf-8')}</script>"
        for name in ("frames.js", "perceptron.js", "bowl.js")
    )
    body = "".join(parts)
    for source in ("../_static/perceptron.js", "_static/bowl.js"):
        body = body.replace(f'<script src="{source}"></script>', "")
    text = f"<!doctype html><meta charset=utf-8><title>t</title>{scripts}{body}"
    (folder / "page.html").write_text(text, encoding="utf-8")
    for place, strip in touch.files().items():
        (folder.parent.parent / place).parent.mkdir(parents=True, exist_ok=True)
        (folder.parent.parent / place).write_bytes(strip.read_bytes())
    with chromium() as browser:
        page, wrong = new_page(browser, "wide, light", "file://")
        page.goto((folder / "page.html").as_uri())
        yield page
        assert not wrong


def test_scripts_are_small_and_plain():
    for script in STATIC.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert len(text.encode()) < 15_000 and "import " not in text and "fetch(" not in text


def lesson_function(lesson: str, name: str) -> dict:
    """The names that a lesson's cell defines which defines ``name``, beside what it needs."""
    [path] = (make_site.ROOT / "lessons").glob(f"[0-9][0-9]_{lesson}.py")
    [cell] = [c for c in jupytext.read(path).cells if c.source.startswith(f"def {name}(")]
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    space = {"np": np, "corners": corners}
    exec(cell.source, space)
    return space


@pytest.mark.parametrize("gate", ["AND", "OR", "XOR"])
def test_the_rule_corrects_the_same_mistakes_as_the_lesson(page, gate):
    labels = np.array(page.evaluate(f"GATES.{gate}"))
    perceptron = lesson_function("perceptron_xor", "perceptron")["perceptron"]
    for start in itertools.product((-3, -0.5, 0, 1.5), repeat=3):
        epochs = perceptron(labels, [range(4)] * 8, start=start)
        expected = [[*map(float, w), float(b), int(i)] for run in epochs for w, b, i in run]
        found = page.evaluate(
            """([gate, line, most]) => { const all = []; let at = 0;
            for (let k = 0; k < most; k += 1) { const next = nextUpdate(gate, line, at);
              if (next === null) break;
              all.push([...next[0], next[1]]); line = next[0]; at = (next[1] + 1) % 4; }
            return all; }""",
            [gate, list(start), len(expected) + (not epochs[-1])],
        )
        assert found == expected


def test_the_perceptron_is_moved_by_keyboard_and_says_where_it_stands(page):
    box = page.locator(".perceptron")
    status = box.locator("[role=status]")
    assert "Wrong or on the line: (0, 1) (1, 0)." in status.inner_text()
    box.locator("input[name=b]").focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert "b = −1.5. All four are right." in status.inner_text()
    assert box.locator("canvas").get_attribute("aria-label").endswith("All four are right.")
    box.locator("[data-do=zero]").click()
    box.locator("[data-do=step]").focus()
    for _ in range(40):
        page.keyboard.press("Enter")
    assert "the rule stops after" in status.inner_text()
    box.locator("input[value=XOR]").check()
    for _ in range(40):
        box.locator("[data-do=step]").click()
    assert "Update 40" in status.inner_text()


def python_path(s: dict, method: str, start: list[float], noise: np.ndarray) -> torch.Tensor:
    """The same walk with the course's update rules, in double precision."""
    angle = math.radians(s["tilt"])
    cos, sin = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    curvature = torch.tensor([2.0, 2.0 * s["kappa"]], dtype=torch.float64)
    rules = {
        "gd": lambda *a: sgd_step(*a, lr=s["gd"]),
        "momentum": lambda *a: momentum_step(*a, lr=s["momentum"], momentum=s["beta"]),
        "adam": lambda *a: adam_step(*a, lr=s["adam"], betas=(s["beta"], 0.999)),
    }
    point, state = turn @ torch.tensor(start, dtype=torch.float64), {}
    path = [point]
    for pair in torch.from_numpy(noise):
        gradient = turn @ (curvature * (turn.T @ point) + s["noise"] * pair)
        point = rules[method](point, gradient, state)
        path.append(point)
    return torch.stack(path)


@pytest.mark.parametrize("seed", range(6))
def test_the_bowl_walks_as_the_lessons_optimizers_do(page, seed):
    rng = np.random.default_rng(seed)
    s = page.evaluate("DEFAULTS") | {
        "seed": seed,
        "tilt": int(rng.integers(0, 91)),
        "kappa": int(rng.integers(1, 20)),
        "noise": int(rng.integers(0, 3)),
        "beta": float(rng.choice([0, 0.5, 0.9])),
        "gd": 0.04,
    }
    drawn = page.evaluate(
        """s => { const random = mulberry32(s.seed);
        const start = s.seed === 0 ? [5, 5] : [random() * 10 - 5, random() * 10 - 5];
        return [start, Array.from({length: s.steps}, () => normals(random))]; }""",
        s,
    )
    for method in ("gd", "momentum", "adam"):
        found = np.array(page.evaluate("([method, s]) => descend(method, s)", [method, s]))
        expected = python_path(s, method, drawn[0], np.array(drawn[1])).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_what_the_page_says_of_tilting_is_so(page, seed):
    """At the rates that are best without tilt, gradient descent and momentum end at the same height
    whatever the tilt, and Adam ends higher at 45 degrees."""
    gd, momentum, adam = page.evaluate(
        """seed => METHODS.map(m => {
        const s = {...DEFAULTS, seed}, lr = bestRate(m, s);
        return [0, 20, 45].map(tilt => height(descend(m, {...s, tilt, [m]: lr}).pop(), {...s, tilt}));
        })""",
        seed,
    )
    for same in (gd, momentum):
        assert same == pytest.approx([same[0]] * 3, rel=1e-4)
    assert adam[2] > 1.3 * adam[0]


def test_random_numbers_are_those_of_mulberry32_and_normal(page):
    def mulberry32(a):
        while True:
            a = (a + 0x6D2B79F5) & 0xFFFFFFFF
            t = (a ^ (a >> 15)) * (a | 1) & 0xFFFFFFFF
            t ^= (t + ((t ^ (t >> 7)) * (t | 61) & 0xFFFFFFFF)) & 0xFFFFFFFF
            yield ((t ^ (t >> 14)) & 0xFFFFFFFF) / 4294967296

    for seed in (0, 1, 2**31, 999_999):
        found = page.evaluate(
            "seed => { const r = mulberry32(seed); return Array.from({length: 50}, r); }", seed
        )
        assert found == list(itertools.islice(mulberry32(seed), 50))
    many = np.array(
        page.evaluate(
            "() => { const r = mulberry32(7); return Array.from({length: 20000}, () => normals(r)); }"
        )
    )
    assert np.abs(many.mean(0)).max() < 0.03 and np.abs(np.cov(many.T) - np.eye(2)).max() < 0.04


def test_the_address_keeps_the_settings_and_bears_nonsense(page):
    bowl = page.locator(".bowl")
    bowl.locator("input[name=tilt]").focus()
    for _ in range(45):
        page.keyboard.press("ArrowRight")
    address = page.evaluate("location.hash")
    assert "tilt=45" in address and "tilted by 45" in bowl.locator("canvas").get_attribute(
        "aria-label"
    )
    shown = bowl.locator("tbody").inner_text()
    bowl.locator("[data-do=reset]").click()
    assert bowl.locator("tbody").inner_text() != shown
    page.evaluate("hash => { location.hash = hash; }", address)
    page.wait_for_function(
        "text => document.querySelector('.bowl tbody').innerText === text", arg=shown
    )
    for nonsense in ("#tilt=abc&kappa=-3&steps=1e9&seed=0.5", "#%%%", "#__proto__=1&gd=Infinity"):
        settings = page.evaluate("hash => readSettings(hash)", nonsense)
        assert settings.keys() == page.evaluate("DEFAULTS").keys()
        assert all(isinstance(v, int | float) and math.isfinite(v) for v in settings.values())
        assert settings["steps"] <= 200 and settings["kappa"] >= 1
    page.evaluate("location.hash = ''")


def test_the_best_rate_is_the_best_of_all_that_are_tried(page):
    s = page.evaluate("DEFAULTS") | {"tilt": 45}
    for method in ("gd", "momentum", "adam"):
        chosen = page.evaluate("([m, s]) => bestRate(m, s)", [method, s])
        ends = page.evaluate(
            """([m, s]) => Array.from({length: 61}, (_, k) => Number((10 ** ((k - 40) / 10)).toPrecision(3)))
            .map(lr => [height(descend(m, {...s, [m]: lr}).pop(), s), lr])""",
            [method, s],
        )
        finite = [(end if end is not None else math.inf, lr) for end, lr in ends]
        assert chosen == min(finite)[1]


def test_a_slider_shows_the_frame_of_its_value(page):
    box = page.locator(".frames")
    about = json.loads(
        (make_site.ROOT / touch.slider_frames.FRAMES / "losses" / "draw_losses.json").read_text()
    )
    values, start = about["values"], about["start"]
    slider = box.locator("input")
    assert box.locator("output").inner_text() == f"{values[start]:g}"
    slider.focus()
    page.keyboard.press("ArrowRight")
    frame = box.locator(".frame")
    assert frame.get_attribute("aria-label").startswith(f"z = {values[start + 1]:g} ")
    for key, place in (("End", len(values) - 1), ("Home", 0)):
        page.keyboard.press(key)
        assert box.locator("output").inner_text() == f"{values[place]:g}"
        assert slider.get_attribute("aria-valuetext") == f"z = {values[place]:g}"
        percent = frame.evaluate("e => parseFloat(e.style.backgroundPositionY)")
        assert percent == pytest.approx(100 * place / (len(values) - 1))
    loaded = page.evaluate(
        """() => new Promise(done => { const image = new Image(), box = document.querySelector('.frames');
        image.onload = () => done([image.width, image.height]);
        image.src = new URL(box.dataset.strip, document.baseURI); })"""
    )
    assert loaded == [about["size"][0], about["size"][1] * len(values)]


def test_every_strip_is_on_its_lessons_page_only_once():
    assert len(touch.files()) == len({Path(place).parent for place in touch.files()})
