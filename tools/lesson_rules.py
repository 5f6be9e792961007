"""The rules every lesson keeps, each a function from a lesson to the list of what breaks it."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import jupytext
from chinese_rules import CJK
from nbformat import NotebookNode
from references import CHECK

ROOT = Path(__file__).resolve().parent.parent
COURSE_UTILS = ROOT / "course_utils"
FULL_WIDTH = "，。；：？！（）「」、"


def lesson_path(name: str) -> Path:
    """The source of a lesson by its name, e.g. ``"optimizers"``."""
    (path,) = (ROOT / "lessons").glob(f"[0-9][0-9]_{name}.py")
    return path


def notebook_path(name: str, folder: str = "notebooks") -> Path:
    """Its notebook, Chinese or in the folder ``"notebooks/en"``."""
    return ROOT / folder / f"{lesson_path(name).stem}.ipynb"


def read_lesson(path: Path) -> list[NotebookNode]:
    cells = jupytext.read(path).cells
    for cell in cells:
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note on blank lines
    return cells


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Code of one edition: the English twin where there are two."""
    return [c for c in cells if c.cell_type == "code" and c.metadata.get("lang") != "zh-TW"]


def prose(cells: list[NotebookNode], language: str) -> str:
    return "\n\n".join(
        c.source for c in cells if c.cell_type == "markdown" and c.metadata.get("lang") == language
    )


def twins(cells: list[NotebookNode]) -> list[str]:
    """Each Chinese cell is followed at once by its English twin; code has twins in set-up only."""
    problems, index = [], 0
    while index < len(cells):
        cell, language = cells[index], cells[index].metadata.get("lang")
        where = cell.source.splitlines()[0] if cell.source else "(empty cell)"
        if cell.cell_type == "code" and language is not None and "setup" not in tags(cell):
            problems.append(f"only the set-up cell may have a language: {where}")
        if cell.cell_type == "markdown" and language is None:
            problems.append(f"Markdown without lang: {where}")
        if language is None:
            index += 1
            continue
        twin = cells[index + 1] if index + 1 < len(cells) else None
        if language != "zh-TW" or twin is None or twin.metadata.get("lang") != "en":
            problems.append(f"not a zh-TW cell followed by its en twin: {where}")
            index += 1
            continue
        own = {"lang": "", "about": ""}
        if {**cell.metadata, **own} != {**twin.metadata, **own}:
            problems.append(f"twins with different metadata: {where}")
        if cell.cell_type == "code" and cell.source.replace("zh-TW", "en") != twin.source:
            problems.append(f"set-up twins that differ in more than the language: {where}")
        index += 2
    return problems


def claim_calls(cells: list[NotebookNode]) -> list[ast.Call]:
    trees = [ast.parse(cell.source) for cell in code_cells(cells)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return [n for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "claim"]


def claims(cells: list[NotebookNode], at_least: int = 5, any_tier: int = 3) -> list[str]:
    """The Chinese, the English and the code claim the same numbers, 1 to n, in order."""
    numbers = {
        "the Chinese": [int(n) for n in re.findall(r"\*\*主張 (\d+)\*\*", prose(cells, "zh-TW"))],
        "the English": [int(n) for n in re.findall(r"\*\*Claim (\d+)\*\*", prose(cells, "en"))],
        "the code": [
            getattr(next(iter(call.args), None), "value", None) for call in claim_calls(cells)
        ],
    }
    problems = [
        f"number the claims 1 to {len(found)} in order (make renumber LESSON=…): {where} has {found}"
        for where, found in numbers.items()
        if found != list(range(1, len(found) + 1))
    ]
    counts = {where: len(found) for where, found in numbers.items()}
    if len(set(counts.values())) > 1:
        problems.append(f"write each claim in both languages and in code: {counts}")
    code = code_cells(cells)
    first = next((i for i, cell in enumerate(code) if "exercise" in tags(cell)), len(code))
    if claim_calls(code[first:]):  # a student's answer would take the record of repetitions away
        problems.append("make every claim before the first exercise")
    full_only = sum(any(k.arg == "tiers" for k in call.keywords) for call in claim_calls(cells))
    if counts["the code"] < at_least or counts["the code"] - full_only < any_tier:
        problems.append(
            f"make at least {at_least} claims, {any_tier} of them on any data: there are "
            f"{counts['the code']}, {full_only} of them on full MNIST only"
        )
    return problems


def set_up(cells: list[NotebookNode], name: str) -> list[str]:
    """The first code is the set-up cell, because workers start while the others import."""
    code = code_cells(cells)
    if code and "setup" not in tags(code[0]):
        return ['begin the code with the set-up cells, tags=["setup"], one in each language']
    if code and f'set_up("{name}"' not in code[0].source:
        return [f'name this lesson in its set-up cells: set_up("{name}", …)']
    return []


def cell_sizes(cells: list[NotebookNode]) -> list[str]:
    """Code cells have at most 6 lines in the median, 15 at the 90th percentile, 30 at most; neither
    empty lines nor docstrings count."""
    if len(code_cells(cells)) < 2:
        return ["write its code: set-up, imports, then an idea a cell"]
    lines = [[line.strip() for line in c.source.splitlines()] for c in code_cells(cells)]
    sizes = [sum(not re.match(r'$|"""', line) for line in cell) for cell in lines]
    median, high = statistics.median(sizes), statistics.quantiles(sizes, n=10)[-1]
    measured = f"shorten code cells to 6 lines in the median, 15 at the 90th percentile, 30 at most: median {median}, 90th percentile {high}, longest {max(sizes)}"
    return [] if median <= 6 and high <= 15 and max(sizes) <= 30 else [measured]


def exercises(cells: list[NotebookNode], at_least: int = 3) -> list[str]:
    """Prompt in both languages with difficulty and minutes, stub, check, solution; nothing after."""
    problems, names = [], []
    for index, cell in enumerate(cells):
        if "exercise" not in tags(cell):
            continue
        following = [tags(c) for c in cells[index + 1 : index + 3]]
        if following != [["check"], ["solution"]]:
            problems.append(f"after a stub come check and solution, not {following}")
            continue
        check, solution = cells[index + 1], cells[index + 2]
        name = CHECK.fullmatch(check.source)
        if name is None:
            problems.append(f"a check cell is exercises.NAME.check(NAME): {check.source}")
            continue
        names.append(name[1])
        if not re.search(rf"\b{name[1]}_solution\b", solution.source):
            problems.append(f"the solution cell does not define {name[1]}_solution")
        if not solution.source.startswith("# "):
            problems.append(f"{name[1]}: a solution cell begins with a neutral comment")
        chinese, english = cells[index - 2].source, cells[index - 1].source
        if not re.search(r"難度 [★☆]{3}，約 \d+ 分鐘", chinese) or not re.search(
            r"Difficulty [★☆]{3}, about \d+ minutes", english
        ):
            problems.append(f"{name[1]}: the prompt lacks difficulty and minutes")
        for later in cells[index + 3 :]:
            if later.cell_type == "code" and re.search(rf"\b{name[1]}(_solution)?\b", later.source):
                problems.append(f"a later cell uses {name[1]}: {later.source[:60]}")
    if len(names) < at_least:
        problems.append(f"set at least {at_least} exercises: there are {len(names)}")
    return problems


def where_next(lesson: Path, following: str) -> list[str]:
    """The summary names the lesson that follows, if it names one."""
    cells = read_lesson(lesson)
    return [
        f"{lesson.stem}: it says that [[{found}]] comes next; {following} does"
        for language in ("zh-TW", "en")
        for found in re.findall(r"\*\*(?:下一課|Next)\*\*.*?\[\[(\w+)", prose(cells, language))
        if found != following
    ]


def slides(cells: list[NotebookNode]) -> list[str]:
    """Each title and each ## heading begins a slide, each ### a slide or a subslide."""
    problems = []
    for cell in cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        heading = re.match(r"(#+) .*", cell.source) if cell.cell_type == "markdown" else None
        allowed = {1: {"slide"}, 2: {"slide"}, 3: {"slide", "subslide", "skip"}}
        if heading and kind not in allowed.get(len(heading[1]), {kind}):
            problems.append(f"slide_type {kind!r} at: {heading[0]}")
    return problems


def alt_texts(cells: list[NotebookNode]) -> list[str]:
    """A cell that has alt text has it in both languages, the Chinese in words that can be read aloud."""
    problems = [
        f"alt text in one language only: {cell.source[:60]}"
        for cell in cells
        if ("alt-zh" in cell.metadata) != ("alt-en" in cell.metadata)
    ]
    return problems + [
        f"a screen reader cannot say {found[0]!r} (write 10 的負 6 次方): {cell.metadata['alt-zh'][:40]}"
        for cell in cells
        for found in re.finditer(r"\d+e[-+]?\d+|10[⁰¹²³⁴-⁹⁻]+", cell.metadata.get("alt-zh", ""))
    ]


def languages_apart(cells: list[NotebookNode]) -> list[str]:
    """English prose and code hold no Chinese (the link to the other edition aside)."""
    problems = []
    for cell in cells:
        text = cell.source.replace("[中文版]", "")
        if cell.metadata.get("lang") != "zh-TW" and re.search(f"[{CJK}]", text):
            problems.append(f"Chinese outside a zh-TW cell: {text[:60]}")
    return problems


def bare_syntax(source: str) -> dict[str, str]:
    """Name -> syntax of each function, class and value of the top level, docstrings and annotations
    aside; a function that is wrapped later counts as it is written."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
            node.returns = None
            return self._without_docstring(node)

        def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
            return self._without_docstring(node)

        def visit_arg(self, node: ast.arg) -> ast.arg:
            node.annotation = None
            return node

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
            self.generic_visit(node)
            if node.value is None:
                return node
            return ast.Assign(targets=[node.target], value=node.value)

        def _without_docstring(self, node):
            self.generic_visit(node)
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            return node

    syntax = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            syntax[node.name] = ast.dump(Strip().visit(node))
        elif isinstance(assigned := Strip().visit(node), ast.Assign):
            names = [n for n in ast.walk(assigned) if isinstance(n, ast.Name)]
            named = [n.id for n in names if isinstance(n.ctx, ast.Store)]
            syntax = dict.fromkeys(named, ast.dump(assigned.value)) | syntax
    return syntax


def saved(cells: list[NotebookNode]) -> Iterator[tuple[str, bool]]:
    """("module.name", whether the lesson has it as the module does) for each name of a cell that says
    ``saved="module"``; ``saved="module: name, name"`` saves these alone."""
    for cell in code_cells(cells):
        if "saved" not in cell.metadata:
            continue
        module, _, some = cell.metadata.saved.partition(":")
        library = COURSE_UTILS.joinpath(*module.split(".")).with_suffix(".py")
        if not library.is_file():
            yield f"{module} (there is no such module)", False
            continue
        there, here = bare_syntax(library.read_text(encoding="utf-8")), bare_syntax(cell.source)
        for name in some.replace(",", " ").split() or here:
            yield f"{module}.{name}", here.get(name, "not here") == there.get(name)


def dotted_names(tree: ast.AST) -> dict[ast.AST, str]:
    """Each name and attribute that came from an import -> its full name, ``numpy.random.seed``."""
    imported, names = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                imported[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom):
            names_in = {alias.asname or alias.name: alias.name for alias in node.names}
            imported |= {short: f"{node.module}.{name}" for short, name in names_in.items()}

    def visit(node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            found = imported.get(node.id)
        elif isinstance(node, ast.Attribute):
            start = visit(node.value)
            found = None if start is None else f"{start}.{node.attr}"
        else:
            found = None
        if found is not None:
            names[node] = found
        return found

    for node in ast.walk(tree):
        visit(node)
    return names


GLOBAL_IN_TORCH = ("manual_seed", "manual_seed_all", "seed", "seed_all", "default_generator")
RNG, GENERATOR, SEEDED = "seeding.rng(seed)", "seeding.generator(seed)", "with seeded(seed):"


def foreign_chance(source: str) -> list[str]:
    """Random numbers that do not come from ``course_utils.seeding``: COURSE_SEED_OFFSET would not shift them."""
    tree = ast.parse(source)
    names, problems = dotted_names(tree), {}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {call.func for call in calls}
    inner = {node.value for node in names if isinstance(node, ast.Attribute)}
    for node, name in names.items():
        library, _, last = name.rpartition(".")
        if name.startswith("numpy.random") and node not in inner:
            if last not in ("Generator", "get_state", "set_state"):
                problems[node] = (name, RNG)
        elif name.startswith("random.") and last not in ("getstate", "setstate"):
            problems[node] = (name, f"{RNG}, or {SEEDED}")
        elif library.startswith("torch") and last in GLOBAL_IN_TORCH:
            problems[node] = (name, SEEDED)
        elif name in ("torch.Generator", "torch._C.Generator") and node in called:
            problems[node] = (f"{name}()", GENERATOR)
    for call in calls:
        method = getattr(call.func, "attr", "")
        if method in ("manual_seed", "seed") and call.func not in names:
            problems[call] = (f".{method}()", GENERATOR)
        outside = names.get(call.func, "").startswith(("sklearn.", "scipy.", "pandas.", "seaborn."))
        for keyword in call.keywords:
            is_seed = keyword.arg == "random_state" or (outside and keyword.arg in ("rng", "seed"))
            if is_seed and not re.search(r"\b(shifted|rng)\(", ast.unparse(keyword.value)):
                problems[keyword] = (f"{keyword.arg}=", f"{keyword.arg}=seeding.shifted(seed)")
    return [
        f"line {node.lineno}: {name}; write `{instead}`, from course_utils.seeding"
        for node, (name, instead) in problems.items()
    ]


DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"}


def unseeded_chance(cells: list[NotebookNode]) -> list[str]:
    """Draws of a lesson that no seed governs, exercises and their solutions aside."""
    problems = []
    shown = [c.source for c in code_cells(cells) if not {"exercise", "solution"} & set(tags(c))]
    tree = ast.parse("\n".join(shown))
    names, seeded = dotted_names(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any("seeded(" in ast.unparse(i) for i in node.items):
            seeded |= set(ast.walk(node))
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or call in seeded:
            continue
        library, _, last = names.get(call.func, ast.unparse(call.func)).rpartition(".")
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        draws = library == "torch" and last.removesuffix("_like") in DRAWS
        shuffles = last.endswith("Loader") and given.get("shuffle", "False") != "False"
        if (draws or shuffles) and "generator" not in given:
            problems.append(f"{ast.unparse(call)}: add `generator=seeding.generator(seed)`")
    return problems


def readings_of_the_test_set(cells: list[NotebookNode]) -> list[str]:
    """Where a lesson reads the test set more than once, exercises and their solutions aside.

    A reading is a place that hands on ``….test`` (its labels and pictures alone are none), or, where
    that went into a loader with a name, each place that uses the name. There is one at most, so that
    each finished model is examined there, once; and none in a run of a sweep, whose models are not
    finished: what a sweep chooses is chosen on the validation set.
    """
    shown = [c.source for c in code_cells(cells) if not {"exercise", "solution"} & set(tags(c))]
    tree = ast.parse("\n".join(shown))
    parts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    sets = {n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "test"} - parts
    readings, loaders = set(sets), set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=False) if several else [(target, value)]
        for name, given in pairs:
            is_loader = isinstance(given, ast.Call) and ast.unparse(given.func).endswith("Loader")
            if isinstance(name, ast.Name) and (is_loader or given in sets):
                named = sets & set(ast.walk(given))
                readings -= named
                loaders |= {name.id} if named else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in loaders and isinstance(node.ctx, ast.Load):
            readings.add(node)
    where = sorted((n.lineno, ast.unparse(n)) for n in readings)
    problems = []
    if len(where) > 1:
        lines = "\n".join(shown).splitlines()
        places = "; ".join(lines[line - 1].strip() for line, _ in where)
        problems.append(f"read the test set in one place, once for each finished model: {places}")
    swept = {
        ast.unparse(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "run_seeds" and call.args
        if len(call.args) > 2 or any(keyword.arg == "settings" for keyword in call.keywords)
    }
    for function in ast.walk(tree):
        in_sweep = isinstance(function, ast.FunctionDef) and function.name in swept
        if in_sweep and readings & set(ast.walk(function)):
            problems.append(f"{function.name} reads the test set for every setting of a sweep")
    return problems


def printed_numbers(cell: NotebookNode) -> list[str]:
    """The numbers in a cell's outputs, but for those behind ≈ and inside pictures."""
    text = ""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        text += output.get("text", "") + data.get("text/plain", "") + data.get("text/html", "")
    text = re.sub(r"<img [^>]*>|<[^>]*>|≈\s*[-+]?[\d.,]*\d(e[-+]?\d+)?", " ", text)
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", text))
