"""Sliders for figures that teach more when a knob is moved."""

import os
from collections.abc import Callable

import ipywidgets


def slider(low: float, high: float, value: float, step: float) -> ipywidgets.FloatSlider:
    """A slider from ``low`` to ``high`` that starts at ``value`` and redraws when it is let go."""
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, continuous_update=False, readout_format=".3g"
    )


def explore(draw: Callable[..., object], **sliders: ipywidgets.FloatSlider) -> None:
    """Call ``draw`` with the sliders' values, and again whenever one is moved.

    draw: makes one new figure; its parameters bear the sliders' names. Where a notebook is built or
    tested (``COURSE_QUIET=1``) it is called once, so that the file keeps the still picture.
    """
    if os.environ.get("COURSE_QUIET") == "1":
        draw(**{name: widget.value for name, widget in sliders.items()})
    else:
        ipywidgets.interact(draw, **sliders)
