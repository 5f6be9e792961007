"""Sliders for figures that teach more when a knob is moved."""

import os
from collections.abc import Callable

import ipywidgets


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
    keeps the still figure.

    Args:
        draw: makes one new figure; its parameters bear the sliders' names.
        **sliders: by the names of these parameters.
    """
    if os.environ.get("COURSE_QUIET") == "1":
        draw(**{name: widget.value for name, widget in sliders.items()})
    else:
        ipywidgets.interact(draw, **sliders)
