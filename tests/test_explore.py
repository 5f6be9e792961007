"""Sliders draw once where nobody can move them, and again whenever somebody does."""

import io
import json

import build
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import slider_frames
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils.notebook.explore import explore, slider
from course_utils.notebook.figures import DPI
from course_utils.notebook.frames import MOST, slider_values


def test_a_slider_has_its_range_and_waits_until_it_is_let_go():
    knob = slider(-1.0, 3.0, 0.5, 0.25)
    assert (knob.min, knob.max, knob.value, knob.step) == (-1, 3, 0.5, 0.25)
    assert knob.continuous_update is False and knob.readout_format == ".3g"


@pytest.mark.parametrize("quiet", ["1", "0", None])
def test_a_builder_draws_once_and_a_reader_whenever_a_slider_is_moved(quiet, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_QUIET", raising=False)
    if quiet is not None:
        monkeypatch.setenv("COURSE_QUIET", quiet)
    interactive = []
    monkeypatch.setattr(
        ipywidgets, "interact", lambda draw, **knobs: interactive.append((draw, knobs))
    )
    drawn = []

    def draw(rate, width):
        drawn.append((rate, width))

    knobs = {"rate": slider(0, 1, 0.5, 0.1), "width": slider(1, 9, 3, 1)}
    explore(draw, **knobs)
    if quiet == "1":
        assert drawn == [(0.5, 3)] and interactive == []
    else:
        assert drawn == [] and interactive == [(draw, knobs)]


@given(st.integers(1, 400), st.data())
def test_a_strip_shows_both_ends_and_the_start_and_is_evenly_spaced(count, data):
    start = data.draw(st.integers(0, count - 1))
    values = slider_values(slider(-2.0, -2.0 + 0.25 * (count - 1), -2.0 + 0.25 * start, 0.25))
    steps = [round((value + 2) / 0.25) for value in values]
    assert steps == sorted(set(steps)) and {0, count - 1, start} <= {*steps}
    assert len(steps) <= MOST + 2 and len({*np.diff(steps)[1:-1]}) <= 1


def test_a_strip_holds_what_the_slider_would_show(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUIET", "1")
    monkeypatch.setenv("COURSE_FRAMES", str(tmp_path / "lesson"))

    def draw_line(rate):
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, 1], [0, rate])
        ax.set(ylim=(0, 3), title=f"{rate:g}")
        return figure

    explore(draw_line, rate=slider(0.5, 2.5, 1.5, 0.5))
    assert len(plt.get_fignums()) == 1  # the still figure, which the notebook keeps
    plt.close("all")
    about = json.loads((tmp_path / "lesson" / "draw_line.json").read_text())
    assert (about["name"], about["values"]) == ("rate", [0.5, 1.0, 1.5, 2.0, 2.5])
    assert about["values"][about["start"]] == 1.5
    width, height = about["size"]
    with Image.open(tmp_path / "lesson" / "draw_line.webp") as strip:
        frames = np.asarray(strip.convert("RGB")).reshape(5, height, width, 3)
    for value, frame in zip(about["values"], frames, strict=True):
        buffer = io.BytesIO()
        draw_line(value).savefig(buffer, format="png", dpi=DPI)
        plt.close("all")
        with Image.open(buffer) as expected:
            assert np.array_equal(frame, np.asarray(expected.convert("RGB")))


def test_several_sliders_have_no_strip(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUIET", "1")
    monkeypatch.setenv("COURSE_FRAMES", str(tmp_path / "lesson"))
    explore(lambda w, b: None, w=slider(0, 1, 0, 0.5), b=slider(0, 1, 0, 0.5))
    assert not (tmp_path / "lesson").exists()


def test_every_slider_of_the_course_has_its_frames_and_a_stale_one_is_noticed(tmp_path):
    for lesson in build.lesson_paths():
        notebook, folder = build.edition(lesson, "en"), build.frames_of(lesson)
        code = build.digests_of(notebook)
        assert not slider_frames.drift(notebook, folder, code), lesson.stem
        if slider_frames.strips(notebook, folder):
            [stale] = slider_frames.drift(notebook, folder, "other")
            assert "no frames of the code as it is" in stale
            [missing] = slider_frames.drift(notebook, tmp_path / lesson.stem[3:], code)
            assert f"LESSON={lesson.stem[3:]}" in missing
