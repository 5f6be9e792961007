"""Sliders draw once where nobody can move them, and again whenever somebody does."""

import ipywidgets
import pytest

from course_utils.notebook.explore import explore, slider


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
