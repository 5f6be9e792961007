"""Sphinx's configuration for one edition of the website; `make site` sets the environment."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tools")]

from website import source_pages  # noqa: E402
from website.words import WORDS  # noqa: E402

edition = os.environ["SITE_EDITION"]
words = WORDS[edition]

project = html_title = words["title"]
author = copyright = ""
language = {"zh-TW": "zh_TW", "en": "en"}[edition]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "website.extension",
    "website.mathematics",
    "website.terms",
    "website.search_index",
]
exclude_patterns = ["anchors.json"]

nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "gfm"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_all_links_external = True  # tools/website/notebooks.py has made them what they are
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_use_ivar = True

templates_path = [str(HERE / "templates")]
html_static_path = [str(HERE / "static")]
html_favicon = str(HERE / "static" / "favicon.svg")
html_css_files = ["course.css"]
html_js_files = ["course.js", "frames.js"]
html_additional_pages = {"search": "search.html"}
html_copy_source = html_show_sourcelink = html_show_sphinx = html_show_copyright = False
html_use_index = False
html_domain_indices = False
html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "language-switch.html",
        "sidebar-search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_math_renderer = "katex"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def linkcode_resolve(domain: str, info: dict) -> str | None:
    """Where [source] leads."""
    return source_pages.address(info["module"], info["fullname"]) if info["module"] else None
