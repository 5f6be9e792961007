"""The code of course_utils as pages that both editions share; the reference leads to their lines."""

import ast
import html
import re
from functools import cache
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from website.course import ROOT

STYLES = "a11y-high-contrast-light", "a11y-high-contrast-dark"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{path}</title>
<link rel="icon" href="../en/_static/favicon.svg">
<link rel="stylesheet" href="source.css">
<script>try {{ document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto"; }} catch {{}}</script>
</head>
<body>
<main>
<nav aria-label="Reference"><a href="../en/api/{module}.html">Reference</a> · <a lang="zh-TW" href="../zh-TW/api/{module}.html">程式參考</a></nav>
<h1>{path}</h1>
{code}</main>
</body>
</html>
"""
_CSS = """
body { margin: 0; font: 1rem/1.6 system-ui, sans-serif; background: #fff; color: #000; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
a { color: #0a4bff; }
pre { padding: 1rem; border-radius: 4px; font-size: 0.85rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
pre span:target { outline: 2px solid currentColor; }
"""
_DARK = "body { background: #131416; color: #eee; }\na { color: #6cb0ff; }\n"


def path_of(module: str) -> Path:
    """The file of a module of the course."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def lines(module: str) -> dict[str, int]:
    """Dotted name within the module -> line on which its function or class begins."""
    found: dict[str, int] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.setdefault(prefix + child.name, child.lineno)
                walk(child, f"{prefix}{child.name}.")

    walk(ast.parse(path_of(module).read_text(encoding="utf-8")), "")
    return found


def address(module: str, name: str) -> str | None:
    """Where the code of a name is, seen from a page of the reference; None if it has none there."""
    line = lines(module).get(name)
    return None if line is None else f"../../source/{module}.html#line-{line}"


def page(module: str) -> str:
    """The HTML page of a module's code."""
    path = path_of(module)
    formatter = HtmlFormatter(linespans="line", wrapcode=True)
    code = highlight(path.read_text(encoding="utf-8"), PythonLexer(), formatter)
    shown = html.escape(path.relative_to(ROOT).as_posix())
    return _PAGE.format(path=shown, module=module, code=code)


def style_sheet() -> str:
    """One style sheet for all these pages: light, or dark where the reader or the system says so."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in STYLES)
    dark = re.sub(r"^pre \{.*$", "", dark + "\n" + _DARK, flags=re.MULTILINE)
    chosen = re.sub(r"^(?=[.a-z])", ':root[data-theme="dark"] ', dark, flags=re.MULTILINE)
    system = re.sub(r"^(?=[.a-z])", ':root:not([data-theme="light"]) ', dark, flags=re.MULTILINE)
    return f"{_CSS}{light}\n{chosen}\n@media (prefers-color-scheme: dark) {{\n{system}\n}}\n"
