"""Mathematics set while building, by KaTeX in one node process: pages need a style sheet, no script."""

import atexit
import json
import os
import subprocess
from functools import cache
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_PROGRAM = """
const katex = require(process.argv[1]);
const lines = require('readline').createInterface({input: process.stdin});
lines.on('line', line => {
  const {tex, displayMode} = JSON.parse(line);
  const options = {displayMode, throwOnError: true, strict: 'error', output: 'htmlAndMathml'};
  try {
    console.log(JSON.stringify({html: katex.renderToString(tex, options)}));
  } catch (error) {
    console.log(JSON.stringify({error: error.message}));
  }
});
"""


@cache
def _node() -> subprocess.Popen:
    process = subprocess.Popen(
        ["node", "-e", _PROGRAM, f"{os.environ['SITE_NODE_MODULES']}/katex"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        bufsize=1,
    )
    atexit.register(process.terminate)
    return process


@cache
def render(tex: str, display: bool) -> str:
    """A formula as HTML, with MathML inside for whoever listens. Raises ValueError on what is no TeX."""
    process = _node()
    process.stdin.write(json.dumps({"tex": tex, "displayMode": display}) + "\n")
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        raise ValueError(f"{answer['error']}, in the formula {tex}")
    return answer["html"]


def _inline(self: Any, node: nodes.Node) -> None:
    self.body.append(render(node.astext(), False))
    raise nodes.SkipNode


def _display(self: Any, node: nodes.Node) -> None:
    self.body.append(f'<div class="math-block scrolls">{render(node.astext(), True)}</div>')
    raise nodes.SkipNode


def _mark_page(app: Sphinx, page: str, template: str, context: dict, doctree: Any) -> None:
    kinds = (nodes.math, nodes.math_block)
    context["has_math"] = doctree is not None and any(doctree.next_node(kind) for kind in kinds)


def setup(app: Sphinx) -> dict[str, bool]:
    """As Sphinx asks of an extension."""
    app.add_html_math_renderer("katex", (_inline, None), (_display, None))
    app.connect("html-page-context", _mark_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
