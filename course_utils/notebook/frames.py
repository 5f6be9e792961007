"""What a slider would show, kept as one picture for pages that execute nothing: the website.

A strip is a WebP file with one frame below the other, and beside it a JSON file that says which value
of the slider each frame shows. The builder asks for them; nobody else does.
"""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
from ipywidgets import FloatSlider
from PIL import Image

from course_utils.notebook.figures import DPI
from course_utils.unfinished_files import written_whole

#: A slider with more positions than this shows every second one, or third, or so.
MOST = 25


def slider_values(slider: FloatSlider, most: int = MOST) -> list[float]:
    """Evenly spaced positions, with both ends and the one where it starts: about ``most`` of them.

    >>> slider_values(FloatSlider(value=0.3, min=0, max=1, step=0.1), most=4)
    [0.0, 0.3, 0.6, 0.9, 1.0]
    """
    count = round((slider.max - slider.min) / slider.step) + 1
    start = round((slider.value - slider.min) / slider.step)
    every = math.ceil(count / most)
    steps = sorted({0, count - 1, *range(start % every, count, every)})
    return [float(f"{slider.min + step * slider.step:.6g}") for step in steps]


def keep_strip(draw: Callable[..., object], name: str, slider: FloatSlider, target: Path) -> None:
    """Draw the figure for each of the slider's values, and write ``target`` (.webp) and its .json.

    Args:
        draw: makes one new figure.
        name: of its parameter that the slider sets.
        slider: whose values are gone through.
        target: the picture; the file that describes it differs in the suffix.
    """
    values, frames = slider_values(slider), []
    for value in values:
        draw(**{name: value})
        buffer = io.BytesIO()
        plt.gcf().savefig(buffer, format="png", dpi=DPI)
        plt.close()
        frames.append(Image.open(buffer).convert("RGB"))
    width, height = frames[0].size
    strip = Image.new("RGB", (width, height * len(frames)), "white")
    for number, frame in enumerate(frames):
        strip.paste(frame, (0, number * height))
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as unfinished:
        strip.save(unfinished, format="webp", lossless=True, method=6)
    about = {
        "name": name,
        "values": values,
        "start": values.index(float(f"{slider.value:.6g}")),
        "size": [width, height],
    }
    with written_whole(target.with_suffix(".json")) as unfinished:
        unfinished.write_text(json.dumps(about) + "\n", encoding="utf-8")
