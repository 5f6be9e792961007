"""Figures that can be read aloud: every figure becomes an HTML image with alternative text.

JupyterLab, its slides and nbconvert all keep ``<img alt>``; none takes it from a PNG output. Live,
the text is composed from the figure's own labels; the notebook builder replaces it by the authored
one (cell metadata ``alt-zh`` and ``alt-en``). A plain PNG lies beside it for what knows no HTML, such
as LaTeX; wherever both can be shown, HTML goes first.
"""

import base64
import io
import logging
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
from cycler import cycler
from IPython import get_ipython
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from PIL import Image

DPI = 90

#: seaborn's palette "colorblind"; seaborn itself takes a second to import, and few lessons need it.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161"]

#: Fonts with Chinese characters of macOS, Windows and Linux, those drawn for Taiwan first.
CHINESE_FONTS = [
    "PingFang TC",
    "Heiti TC",
    "Microsoft JhengHei",
    "PMingLiU",
    "Noto Sans CJK TC",
    "Noto Sans TC",
    "Source Han Sans TC",
    "AR PL UMing TW",
    "Noto Sans CJK HK",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "PingFang HK",
    "PingFang SC",
    "Hiragino Sans GB",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
]


def set_style() -> None:
    """The course's one style: a palette safe for colour-blind readers, and a line style beside it.

    A character that the first font lacks is taken from a Chinese one, if the machine has any.
    """
    # It would say on stderr that a Chinese font has no bold, even if no Chinese is to be drawn.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    styles = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]
    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=styles),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titley": 1.0,  # where it is anyway; to look for room above takes a while
            "figure.constrained_layout.use": True,
            "figure.dpi": DPI,
            "figure.figsize": (8, 3.6),
            "font.family": ["sans-serif", *chinese_fonts()[:1]],
            "font.size": 11,
            "grid.alpha": 0.3,
            "image.cmap": "gray_r",
            "legend.frameon": False,
            "lines.linewidth": 2,
        }
    )


def chinese_fonts() -> list[str]:
    """Which of ``CHINESE_FONTS`` this machine has, the best first."""
    if not (found := _known_to_matplotlib()):
        # Matplotlib lists the fonts once for all; Noto may have been installed since.
        for path in findSystemFonts():
            if Path(path).name.startswith("NotoSansCJK-Regular"):
                fontManager.addfont(path)
        found = _known_to_matplotlib()
    return found


def _known_to_matplotlib() -> list[str]:
    names = {font.name for font in fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in names]


def use_html_figures() -> None:
    """In a notebook, show figures as ``<img alt=... src=...>``, whatever ``MPLBACKEND`` says.

    Elsewhere do nothing.
    """
    shell = get_ipython()
    if getattr(shell, "kernel", None) is None:
        return
    shell.enable_matplotlib("inline")  # which registers its own formatters
    plt.switch_backend("module://matplotlib_inline.backend_inline")  # the name that sliders know
    plt.uninstall_repl_displayhook()  # it draws each figure once more, for a window there is not
    formatter = shell.display_formatter
    formatter.formatters["image/png"].pop(Figure, None)
    formatter.mimebundle_formatter.for_type(Figure, lambda figure, **_: figure_outputs(figure))


def figure_outputs(figure: Figure) -> dict[str, str]:
    """The figure as a notebook keeps it: one HTML element, a PNG inside, and a small PNG for LaTeX.

    The description of the figure is the alternative text; the same figure gives the same bytes.
    """
    buffer = io.BytesIO()
    crop = "tight" if figure.get_constrained_layout() else None  # else it has its own margins
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches=crop, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    alt = escape(describe(figure), quote=True)
    html = f'<img alt="{alt}" src="data:image/png;base64,{data}" style="max-width:100%">'
    return {"text/html": html, "image/png": base64.b64encode(small_png(buffer.getvalue())).decode()}


def small_png(png: bytes) -> bytes:
    """The same picture in 256 colours, which takes a third of the bytes.

    Smooth edges and colour maps have more, but none of them moves by more than eye or printer can
    tell: of all figures of the course, by 18 of 255 at most, and by 0.2 on average.
    """
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(method=Image.Quantize.MAXCOVERAGE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def describe(figure: Figure) -> str:
    """Titles, axis labels and legend entries of a figure, as one line of text."""
    parts = [figure.get_suptitle()]
    for ax in figure.axes:
        parts.append(ax.get_title())
        if ax.get_xlabel() and ax.get_ylabel():
            parts.append(f"{ax.get_ylabel()} against {ax.get_xlabel()}")
        parts.append(", ".join(ax.get_legend_handles_labels()[1]))
    return "; ".join(" ".join(part.split()) for part in parts if part) or "figure"
