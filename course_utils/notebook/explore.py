"""Sliders for figures that teach more when a knob is moved."""

import os
from collections.abc import Callable
from pathlib import Path

import ipywidgets

from course_utils.notebook.frames import keep_strip


def slider(low: float, high: float, value: float, step: float) -> ipywidgets.FloatSlider:
    """A slider that redraws when it is let go.

    Args:
        low: its left end.
        high: its right end.
        value: where it starts.
        step: how far it moves at a time.

    >>> rate = slider(0.0, 1.0, value=0.5, step=0.1)
    >>> rate.min, rate.value, rate.max
    (0.0, 0.5, 1.0)
    """
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, continuous_update=False, readout_format=".3g"
    )


def explore(draw: Callable[..., object], **sliders: ipywidgets.FloatSlider) -> None:
    """Call ``draw`` with the sliders' values, and again whenever one is moved.

    If a notebook is built or tested (``COURSE_QUIET=1``), ``draw`` is called once, so that the file
    keeps the still figure; where the builder names a folder (``COURSE_FRAMES``), it is also drawn for
    all values of a single slider, and kept there for the website.

    Args:
        draw: makes one new figure; its parameters bear the sliders' names.
        **sliders: by the names of these parameters.
    """
    if os.environ.get("COURSE_QUIET") == "1":
        if len(sliders) == 1 and (folder := os.environ.get("COURSE_FRAMES")):
            [(name, only)] = sliders.items()
            keep_strip(draw, name, only, Path(folder, f"{draw.__name__}.webp"))
        draw(**{name: widget.value for name, widget in sliders.items()})
    else:
        ipywidgets.interact(draw, **sliders)
