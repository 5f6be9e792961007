"""Figures that can be read aloud: every figure becomes an HTML image with alternative text.

JupyterLab, its slides and nbconvert all keep ``<img alt>``; none takes it from a PNG output. Live,
the text is composed from the figure's own labels; the notebook builder replaces it by the authored
one (cell metadata ``alt-zh`` and ``alt-en``).
"""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
from cycler import cycler
from IPython import get_ipython
from matplotlib.figure import Figure

DPI = 90

#: seaborn's palette "colorblind"; seaborn itself takes a second to import, and few lessons need it.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161"]


def set_style() -> None:
    """The course's one style: a palette safe for colour-blind readers, and a line style beside it."""
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
            "font.size": 11,
            "grid.alpha": 0.3,
            "image.cmap": "gray_r",
            "legend.frameon": False,
            "lines.linewidth": 2,
        }
    )


def use_html_figures() -> None:
    """In a notebook, show figures as ``<img alt=... src=...>``; elsewhere do nothing."""
    shell = get_ipython()
    if shell is None:
        return
    plt.close(plt.figure())  # the inline backend registers its own formatters at the first figure
    plt.uninstall_repl_displayhook()  # it draws each figure once more, for a window there is not
    formatters = shell.display_formatter.formatters
    formatters["image/png"].pop(Figure, None)
    formatters["text/html"].for_type(Figure, figure_html)


def figure_html(figure: Figure) -> str:
    """The figure as one HTML element: a PNG inside, its description as alternative text."""
    buffer = io.BytesIO()
    crop = "tight" if figure.get_constrained_layout() else None  # else it has its own margins
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches=crop, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    alt = escape(describe(figure), quote=True)
    return f'<img alt="{alt}" src="data:image/png;base64,{data}" style="max-width:100%">'


def describe(figure: Figure) -> str:
    """Titles, axis labels and legend entries of a figure, as one line of text."""
    parts = [figure.get_suptitle()]
    for ax in figure.axes:
        parts.append(ax.get_title())
        if ax.get_xlabel() and ax.get_ylabel():
            parts.append(f"{ax.get_ylabel()} against {ax.get_xlabel()}")
        parts.append(", ".join(ax.get_legend_handles_labels()[1]))
    return "; ".join(" ".join(part.split()) for part in parts if part) or "figure"
