"""Figures with alternative text, alone and in a notebook that really runs."""

import base64
import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.figures import DPI, describe, figure_html


class Image(HTMLParser):
    """The one element of a piece of HTML, as a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.feed(html)
        ((self.tag, self.attributes),) = self.elements

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    @property
    def png(self) -> bytes:
        return base64.b64decode(self.attributes["src"].removeprefix("data:image/png;base64,"))


def draw(title: str = "Loss falls", label: str = "training") -> Figure:
    figure = Figure(figsize=(4, 3), layout="constrained")
    ax = figure.subplots()
    ax.plot([1, 2, 3], [3, 2, 1], label=label)
    ax.set(title=title, xlabel="epoch", ylabel="loss (nats)")
    ax.legend()
    return figure


def test_description_reads_titles_axes_and_legend_in_order():
    figure = Figure()
    figure.suptitle("Two\nruns")
    left, right = figure.subplots(1, 2)
    left.plot([1, 2], label="SGD")
    left.plot([2, 1], label="Adam")
    left.set(title="Loss", xlabel="epoch", ylabel="loss (nats)")
    right.set(title="Weights", xlabel="only one label")
    assert describe(figure) == "Two runs; Loss; loss (nats) against epoch; SGD, Adam; Weights"


def test_a_bare_figure_still_has_a_description():
    figure = Figure()
    figure.subplots().plot([1, 2])
    assert describe(figure) == "figure"


@pytest.mark.parametrize("title", ['a "quoted" title', "x < y & y > 'z'", "<script>", "loss ≈ 0"])
def test_alternative_text_survives_html(title):
    image = Image(figure_html(draw(title)))
    assert image.tag == "img"
    assert image.attributes["alt"] == f"{title}; loss (nats) against epoch; training"


def test_the_same_figure_gives_the_same_bytes_and_another_one_does_not():
    figure = draw()
    first = figure_html(figure)
    assert figure_html(figure) == first
    assert figure_html(draw()) == first
    assert Image(figure_html(draw(label="validation"))).png != Image(first).png


def test_the_image_has_the_size_of_the_figure_and_names_no_software():
    png = Image(figure_html(draw())).png
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    assert abs(width - 4 * DPI) < DPI / 2
    assert abs(height - 3 * DPI) < DPI / 2
    assert b"Software" not in png


def test_in_a_notebook_a_figure_comes_out_as_html_with_alternative_text_and_never_as_a_png(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("COURSE_STRICT", "1")
    sources = [
        "from course_utils.notebook import set_up\n"
        "import matplotlib.pyplot as plt\n"
        "device = set_up('00_start_here', 'en')",
        "fig, ax = plt.subplots()\nax.plot([1, 2], label='a & b')\n"
        "ax.set(title='Shown at the end of the cell');",
        "fig = plt.figure()\nfig.suptitle('Shown by display')\nplt.close()\ndisplay(fig)",
        # a figure without a layout to find out is drawn once: to draw takes longer than to save
        "fig = plt.figure(layout='none')\ndraws = []\n"
        "fig.text(0, 0, '').draw = lambda _: draws.append(1)\nfig.suptitle('Drawn once');",
        "assert draws == [1], draws",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    client = NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    welcome, *figures, counted = ([*cell.outputs] for cell in notebook.cells)
    assert counted == []
    assert [output.output_type for output in welcome] == ["stream"], welcome
    assert re.match(r"Device: cpu\. .*≈\S+ min", welcome[0].text)
    alts = ["Shown at the end of the cell; a & b", "Shown by display", "Drawn once"]
    for outputs, alt in zip(figures, alts, strict=True):
        (output,) = outputs
        assert output.output_type == "display_data"
        assert "image/png" not in output.data
        assert Image(output.data["text/html"]).attributes["alt"] == alt
