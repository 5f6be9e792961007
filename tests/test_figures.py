"""Figures with alternative text, alone and in a notebook that really runs."""

import base64
import io
import re
import warnings
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from nbclient import NotebookClient
from nbclient.output_widget import OutputWidget
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image as Picture

from course_utils.notebook import figures
from course_utils.notebook.figures import DPI, chinese_fonts, describe, figure_outputs, set_style


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


def figure_html(figure: Figure) -> str:
    return figure_outputs(figure)["text/html"]


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
    right.set(xlabel="", ylabel="only the other")
    assert describe(figure) == "Two runs; Loss; loss (nats) against epoch; SGD, Adam; Weights"


def test_the_cropped_picture_keeps_its_own_margins_without_a_layout():
    figure = Figure(figsize=(4, 3), layout="none")
    figure.text(0.5, 0.5, "in the middle")
    png = Image(figure_html(figure)).png
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [4 * DPI, 3 * DPI]
    figure.set_layout_engine("constrained")
    assert pixels(Image(figure_html(figure)).png).shape[1] < 4 * DPI / 2


def test_a_bare_figure_still_has_a_description():
    figure = Figure()
    figure.subplots().plot([1, 2])
    assert describe(figure) == "figure"


@pytest.mark.parametrize("layout", ["constrained", "none"])
def test_a_figure_without_axes_is_an_image_too(layout):
    image = Image(figure_html(Figure(layout=layout)))
    assert image.attributes["alt"] == "figure"
    assert image.png.startswith(b"\x89PNG")


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


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(png)).convert("RGB")).astype(int)


def heat_map() -> Figure:
    figure = Figure(figsize=(4, 3), layout="constrained")
    ax = figure.subplots()
    values = np.linspace(0, 1, 900).reshape(30, 30)
    figure.colorbar(ax.imshow(values, cmap="viridis", interpolation="bilinear"))
    return figure


@pytest.mark.parametrize("make", [draw, heat_map])
def test_the_png_beside_the_html_is_the_same_picture_in_half_the_bytes(make):
    outputs = figure_outputs(make())
    large, small = Image(outputs["text/html"]).png, base64.b64decode(outputs["image/png"])
    assert len(small) < len(large) / 2
    assert pixels(small).shape == pixels(large).shape
    gaps = np.abs(pixels(small) - pixels(large))
    assert gaps.max() < 20
    assert gaps.mean() < 2.5
    assert figure_outputs(make())["image/png"] == outputs["image/png"]


def test_a_picture_of_few_colours_loses_none_of_them():
    colours = np.random.default_rng(0).integers(0, 256, (200, 3))
    picture = colours[np.arange(200).repeat(50).reshape(100, 100)].astype(np.uint8)
    buffer = io.BytesIO()
    Picture.fromarray(picture).save(buffer, format="png")
    assert np.array_equal(pixels(figures.small_png(buffer.getvalue())), picture)


@pytest.fixture
def style():
    with plt.rc_context():
        set_style()
        yield


def lines(number: int) -> list:
    ax = Figure().subplots()
    return [ax.plot([1, 2], [1, k])[0] for k in range(number)]


@pytest.mark.usefixtures("style")
def test_lines_differ_in_colour_and_in_style():
    drawn = lines(6)
    assert [line.get_color() for line in drawn] == figures.PALETTE
    assert len({str(line._dash_pattern) for line in drawn}) == 6, "colour alone is not enough"
    assert len(set(figures.PALETTE)) == 6


def drawn_with(title: str) -> bytes:
    figure = Figure(figsize=(3, 1))
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


@pytest.mark.skipif(not chinese_fonts(), reason="no Chinese font here (apt: fonts-noto-cjk)")
@pytest.mark.usefixtures("style")
def test_chinese_is_drawn_and_english_as_without_a_chinese_font(caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "Glyph ... missing from font(s) DejaVu Sans"
        chinese, other, english = map(drawn_with, ["訓練損失", "驗證損失", "loss ≈ 0.1"])
    assert chinese != other, "both would be the same boxes"
    plt.rcParams["font.family"] = ["sans-serif"]
    assert drawn_with("loss ≈ 0.1") == english
    assert caplog.text == "", "findfont complains of fonts that are not there"


@pytest.mark.skipif(not chinese_fonts(), reason="no Chinese font here (apt: fonts-noto-cjk)")
@pytest.mark.parametrize(
    "style_of_text", [{"weight": "bold"}, {"weight": 900}, {"style": "italic"}]
)
def test_a_chinese_font_that_lacks_a_weight_is_not_complained_of(style_of_text, caplog):
    with plt.rc_context():
        set_style()
        figure = Figure(figsize=(3, 1))
        figure.suptitle("loss 損失", **style_of_text)
        figure.savefig(io.BytesIO(), format="png")
    assert "findfont" not in caplog.text


def test_only_fonts_of_this_machine_are_asked_for(monkeypatch, caplog):
    monkeypatch.setattr(
        fontManager, "ttflist", [f for f in fontManager.ttflist if "CJK" not in f.name]
    )
    monkeypatch.setattr(figures, "findSystemFonts", lambda: [])
    with plt.rc_context():
        set_style()
        assert plt.rcParams["font.family"] == ["sans-serif", *chinese_fonts()[:1]]
        drawn_with("loss ≈ 0.1")
    assert caplog.text == ""


@pytest.mark.skipif(not chinese_fonts(), reason="no Chinese font here (apt: fonts-noto-cjk)")
def test_a_font_installed_after_matplotlib_made_its_list_is_found(monkeypatch):
    before = chinese_fonts()  # old versions of Matplotlib see the first font of a file only
    known = [font for font in fontManager.ttflist if font.name not in figures.CHINESE_FONTS]
    if not any("NotoSansCJK-Regular" in path for path in figures.findSystemFonts()):
        pytest.skip("the Chinese font here is another one")
    monkeypatch.setattr(fontManager, "ttflist", known)
    assert [] != chinese_fonts() == [name for name in before if "Noto Sans CJK" in name]


class SilentOutput(OutputWidget):
    """nbclient's stand-in for an output widget, without telling the kernel what it shows.

    To tell it, nbclient writes to the socket from which it awaits the cell's reply, and now and then
    misses the reply: it waits for ever (jupyter/nbclient#312).
    """

    def send(self, *args, **kwargs) -> None:
        pass


# The variable is the kernel's: what stands there must not keep figures from a notebook.
@pytest.mark.parametrize("backend", [None, "Agg"])
def test_in_a_notebook_a_figure_comes_out_as_html_with_alternative_text_beside_a_png(
    backend, tmp_path, monkeypatch
):
    if backend is None:
        monkeypatch.delenv("MPLBACKEND", raising=False)
    else:
        monkeypatch.setenv("MPLBACKEND", backend)
    monkeypatch.setenv("COURSE_STRICT", "1")
    sources = [
        "from course_utils.notebook import set_up\n"
        "import matplotlib.pyplot as plt\n"
        "device = set_up('start_here', 'en')",
        "fig, ax = plt.subplots()\nax.plot([1, 2], label='a & b')\n"
        "ax.set(title='Shown at the end of the cell');",
        "fig = plt.figure()\nfig.suptitle('Shown by display')\nplt.close()\ndisplay(fig)",
        # a figure without a layout to find out is drawn once: to draw takes longer than to save
        "fig = plt.figure(layout='none')\ndraws = []\n"
        "fig.text(0, 0, '').draw = lambda _: draws.append(1)\nfig.suptitle('Drawn once');",
        "assert draws == [1], draws",
        # a slider's figure belongs into its own output, to be replaced when it moves
        "from course_utils.notebook.explore import slider\n"
        "import ipywidgets\n"
        "moved = ipywidgets.interactive(lambda k: plt.title(k), k=slider(0, 2, 1, 1))\n"
        "moved.update()",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    client = NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": SilentOutput}}
    client.execute()
    welcome, *figures, counted, moved = ([*cell.outputs] for cell in notebook.cells)
    assert (counted, moved) == ([], [])
    assert [output.output_type for output in welcome] == ["stream"], welcome
    assert re.match(r"Device: cpu\. .*≈\S+ min", welcome[0].text)
    alts = ["Shown at the end of the cell; a & b", "Shown by display", "Drawn once"]
    for outputs, alt in zip(figures, alts, strict=True):
        (output,) = outputs
        assert output.output_type == "display_data"
        assert set(output.data) == {"text/html", "image/png", "text/plain"}
        image = Image(output.data["text/html"])
        assert image.attributes["alt"] == alt
        shown, printed = image.png, base64.b64decode(output.data["image/png"])
        assert pixels(shown).shape == pixels(printed).shape
