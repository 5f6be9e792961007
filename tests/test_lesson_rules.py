"""Each rule for lessons catches what it is there to catch."""

import re

import pytest
from chinese_rules import chinese_style
from lesson_rules import (
    alt_texts,
    bare_syntax,
    cell_sizes,
    claims,
    exercises,
    foreign_chance,
    languages_apart,
    printed_numbers,
    read_lesson,
    readings_of_the_test_set,
    saved,
    slides,
    twins,
    unseeded_chance,
)
from nbformat.v4 import new_code_cell, new_output

GOOD = """
# %% [markdown] lang="zh-TW" about="例子" slideshow={"slide_type": "slide"}
# # 例子
#
# **主張 1** 一加一等於二。

# %% [markdown] lang="en" about="an example" slideshow={"slide_type": "slide"}
# # An example
#
# **Claim 1** One and one make two.

# %% lang="zh-TW" tags=["setup"]
device = set_up("example", language="zh-TW")

# %% lang="en" tags=["setup"]
device = set_up("example", language="en")

# %% alt-zh="圖" alt-en="figure"
claim(1, 1 + 1 == 2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習
#
# 難度 ★☆☆，約 2 分鐘。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise
#
# Difficulty ★☆☆, about 2 minutes.

# %% tags=["exercise"]
def double(x):
    raise NotImplementedError

# %% tags=["check"]
exercises.double.check(double)

# %% tags=["solution"]
# One possible answer.
def double_solution(x):
    return 2 * x
"""

COUNT = """
def count_parameters(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


"""


def small_claims(cells):
    return claims(cells, at_least=1, any_tier=1)


def small_exercises(cells):
    return exercises(cells, at_least=1)


ALL_RULES = [twins, small_claims, cell_sizes, small_exercises, slides]
ALL_RULES += [alt_texts, languages_apart]


@pytest.fixture
def lesson(tmp_path):
    def write(text):
        path = tmp_path / "99_example.py"
        path.write_text(text.lstrip(), encoding="utf-8")
        return read_lesson(path)

    return write


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.__name__)
def test_a_good_lesson_passes(rule, lesson):
    assert rule(lesson(GOOD)) == []


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (small_claims, "**主張 1** ", ""),
        (small_claims, "**Claim 1** ", ""),
        (small_claims, "claim(1, 1 + 1 == 2)", "pass"),
        (small_claims, "claim(1, ", "claim(2, "),
        (small_claims, "**Claim 1**", "**Claim 2**"),
        (small_claims, "claim(1,", 'x = 1\n\n# %% tags=["exercise"]\nx = 2\n\n# %%\nclaim(1,'),
        (twins, 'lang="en" slideshow', 'lang="zh-TW" slideshow'),
        (twins, '# %% [markdown] lang="en" slideshow', "# %% [markdown] slideshow"),
        (twins, 'set_up("example", language="en")', 'set_up("another", language="en")'),
        (twins, '# %% alt-zh="圖"', '# %% lang="en" alt-zh="圖"'),
        (cell_sizes, "claim(1, 1 + 1 == 2)", "x = 1\n" * 31),
        (small_exercises, "約 2 分鐘", "很快"),
        (small_exercises, "about 2 minutes", "quick"),
        (small_exercises, '# %% tags=["check"]\n', "# %%\n"),
        (small_exercises, "# One possible answer.\n", ""),
        (small_exercises, "double_solution", "twice"),
        (small_exercises, "return 2 * x", "return 2 * x\n\n# %%\nprint(double(2))"),
        (slides, '"slide"}\n# ## Exercise', '"-"}\n# ## Exercise'),
        (alt_texts, ' alt-en="figure"', ""),
        (alt_texts, 'alt-zh="', 'alt-zh="約 4e-5，'),
        (alt_texts, 'alt-zh="', 'alt-zh="約 10⁻⁵，'),
        (languages_apart, "One and one", "一加一 and one"),
        (languages_apart, "return 2 * x", "return 2 * x  # 兩倍"),
    ],
)
def test_a_broken_lesson_is_caught(rule, old, new, lesson):
    assert old in GOOD
    assert rule(lesson(GOOD.replace(old, new))) != []


@pytest.mark.parametrize(
    "text",
    [
        "学习率很重要",
        "這裡用逗號, 不對",
        "什麼?不對",
        "用數據訓練",
        "激活函数",
        "（對)",
        "預測(機率)",
        "準確率超過 95 %",
        "函式傳回兩個數",
        "引數不對就拋出例外",
        f"見 {6:02d} 課",  # no lesson is named by its number, not even here
        "學完之後，你能夠\n\n- 讀圖；",
        "帶狀是 95% 區間",
        "平均高出 2 個百分點（整個區間）",
        "（區間下端也是）",
        "損失對步數，雙對數座標",
        "縱軸是對數",
        "看出這個數字值多少",
        "比同步數，也比同秒數",
        "越深愈好",
        "這裡沒有找到差異",
        "（Santoro 等，2018）",
        "大學習率時的表現",
        "執行中的變異數",
        "收到 NaN 就發出 `ValueError`",
    ],
)
def test_bad_chinese_is_caught(text):
    assert chinese_style(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "學習率、台灣、裡面的資料，後來只有一群。",
        "用 `f(x, y)` 和 $f(x, y)$ 計算",
        "ReLU（2010）",
        "準確率超過 95%，回傳兩個數，引發 `ValueError`，並發出警告。",
        "學完之後，你能夠：\n\n- 讀圖；",
        "兩條線之間的帶狀區域；色帶是 95% 信賴區間（整個都高於 2）。",
        "橫軸是步數，縱軸是損失（對數刻度）；橫軸是對數刻度。",
        "比相同步數，也比相同秒數（Santoro 等人，2018）。",
        "較大的學習率、過度擬合、最佳化器。",
    ],
)
def test_good_chinese_passes(text):
    assert chinese_style(text) == []


@pytest.mark.parametrize(
    ("module", "code", "expected"),
    [
        ("models", COUNT, {"models.count_parameters": True}),
        ("models", COUNT.replace("sum(", "max("), {"models.count_parameters": False}),
        ("models", f"{COUNT}own = 1", {"models.count_parameters": True, "models.own": False}),
        ("models", "a, b = 1, 2", {"models.a": False, "models.b": False}),
        ("models: count_parameters", f"{COUNT}own = 1", {"models.count_parameters": True}),
        ("models: count_parameter", COUNT, {"models.count_parameter": False}),
        ("numpy_track.activations", COUNT, {"numpy_track.activations.count_parameters": False}),
    ],
)
def test_what_drifts_from_the_module_that_it_is_saved_in_is_caught(module, code, expected, lesson):
    cells = lesson(f'{GOOD}\n# %% saved="{module}"\n{code}\n\n# %%\ndef evaluate(): pass')
    assert dict(saved(cells)) == expected


def test_syntax_ignores_docstrings_and_annotations():
    plain = bare_syntax("def f(x):\n    y = 1\n    return x + y")["f"]
    annotated = 'def f(x: int) -> int:\n    """Doc."""\n    y: int = 1\n    return x + y'
    assert bare_syntax(annotated)["f"] == plain
    assert bare_syntax("def f(x):\n    y = 2\n    return x + y")["f"] != plain


def test_syntax_holds_assigned_values():
    reference = bare_syntax('"""Doc."""\nweights = {"W": [1, 2]}')
    assert list(reference) == ["weights"]
    assert bare_syntax("# a note\nweights: dict = {'W': [1, 2]}") == reference
    assert bare_syntax("weights = {'W': [1, 3]}") != reference
    assert list(bare_syntax("a, b = 1, 2\nitems[0] = 1\na += 1")) == ["a", "b"]


def test_a_function_that_is_wrapped_counts_as_it_is_written():
    assert bare_syntax("def f(x): pass\nf = checked(f)") == bare_syntax("def f(x): pass")


def test_printed_numbers_leave_out_what_stands_behind_approximately():
    text = "loss ≈0.25 in 10 epochs, ≈-1e-05, 3.5\n"
    cell = new_code_cell(outputs=[new_output("stream", name="stdout", text=text)])
    assert printed_numbers(cell) == ["10", "3.5"]
    picture = '<img alt="1 2" src="data:image/png;base64,123"><table><td>7</td></table>'
    cell = new_code_cell(outputs=[new_output("display_data", data={"text/html": picture})])
    assert printed_numbers(cell) == ["7"]


@pytest.mark.parametrize(
    ("code", "named", "instead"),
    [
        ("import numpy as np; np.random.default_rng(0)", "numpy.random.default_rng", "rng"),
        ("import numpy as np; np.random.seed(0)", "numpy.random.seed", "rng"),
        ("import numpy; numpy.random.RandomState(0)", "numpy.random.RandomState", "rng"),
        ("import numpy.random as npr; npr.normal(0)", "numpy.random.normal", "rng"),
        ("from numpy import random; random.rand()", "numpy.random.rand", "rng"),
        ("from numpy.random import default_rng as r; r(0)", "numpy.random.default_rng", "rng"),
        ("import numpy as np; draw = np.random", "numpy.random", "rng"),
        ("import random; random.shuffle([1])", "random.shuffle", "with seeded"),
        ("from random import Random; Random(0)", "random.Random", "with seeded"),
        ("import torch; torch.manual_seed(0)", "torch.manual_seed", "with seeded"),
        ("from torch import manual_seed; manual_seed(0)", "torch.manual_seed", "with seeded"),
        ("import torch; torch.random.seed()", "torch.random.seed", "with seeded"),
        (
            "import torch; torch.cuda.manual_seed_all(0)",
            "torch.cuda.manual_seed_all",
            "with seeded",
        ),
        ("import torch; g = torch.default_generator", "torch.default_generator", "with seeded"),
        ("import torch; g = torch.Generator()", "torch.Generator()", "generator"),
        ("from torch import Generator as G; G(device=d)", "torch.Generator()", "generator"),
        ("generator.manual_seed(0)", ".manual_seed()", "generator"),
        ("KMeans(3, random_state=0)", "random_state=", "random_state=seeding.shifted"),
        ("runs.sample(3, random_state=seed)", "random_state=", "random_state=seeding.shifted"),
        ("from scipy.stats import bootstrap; bootstrap(x, rng=0)", "rng=", "rng=seeding.shifted"),
        ("import seaborn as sns; sns.lineplot(seed=0)", "seed=", "seed=seeding.shifted"),
    ],
)
def test_chance_from_elsewhere_is_named_with_what_to_write(code, named, instead):
    (problem,) = foreign_chance(f"x = 1\n{code.replace('; ', chr(10))}")
    assert re.match(rf"line \d: {re.escape(named)}; write `.*{instead}.*`", problem)


def test_what_comes_from_seeding_or_only_names_a_type_is_allowed():
    code = """
import random, numpy as np, torch
from course_utils import seeding
from course_utils.seeding import seeded
def draw(rng: np.random.Generator, generator: torch.Generator | None = None):
    return isinstance(rng, np.random.Generator), isinstance(generator, torch.Generator)
states = torch.get_rng_state(), np.random.get_state(), random.getstate()
draw(seeding.rng([0, 1]), seeding.generator(0))
MLP(2, [4], 1, seed=0), LSTM(2, 16, 3, rng=0), KMeans(3, random_state=seeding.shifted(0))
with seeded(0):
    dropout(x)
"""
    assert foreign_chance(code) == []


UNSEEDED = """
# %%
import torch
x = torch.randn(3)
batches = [TensorLoader(data, 4, shuffle=True), DataLoader(data, 4)]

# %%
with seeded(0):
    y = torch.randperm(3)
z = torch.rand_like(y, generator=seeding.generator(0))

# %% tags=["solution"]
mask = torch.rand(3)
"""


def test_draws_without_a_seed_are_found_outside_exercises(tmp_path):
    path = tmp_path / "99_example.py"
    path.write_text(UNSEEDED)
    assert [problem.partition(":")[0] for problem in unseeded_chance(read_lesson(path))] == [
        "torch.randn(3)",
        "TensorLoader(data, 4, shuffle=True)",
    ]


READ_ONCE = """
test_loader, labels = TensorLoader(mnist.test, 1000), mnist.test.labels
logits = [predict(model, test_loader, "cpu") for model in finished]
show_images(figure, mnist.test.images[:10])
val = run_seeds(sweep, settings=settings, val=mnist.val)
"""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (READ_ONCE, []),
        ("accuracy(models, mnist.test)", []),
        (READ_ONCE + "evaluate(model, test_loader)", ["read the test set in one place"]),
        (READ_ONCE + "evaluate(model, TensorLoader(mnist.test, 9))", ["read the test set in one"]),
        ("exam = data.test\nfirst(exam)\nsecond(exam)", ["read the test set in one place"]),
        (
            "def run(seed, mnist, lr):\n    return accuracy(fit(lr), mnist.test)\n\n"
            "run_seeds(run, settings={'low': {}}, mnist=mnist)",
            ["run reads the test set for every setting"],
        ),
        (
            "def run(seed, mnist):\n    return accuracy(fit(seed), mnist.test)\n\n"
            "run_seeds(run, seeds=range(5), mnist=mnist)",
            [],
        ),
    ],
)
def test_the_test_set_is_read_in_one_place(code: str, found: list[str]) -> None:
    problems = readings_of_the_test_set([new_code_cell(code)])
    assert len(problems) == len(found)
    assert all(p.startswith(f) for p, f in zip(problems, found, strict=True))


def test_a_reading_in_an_exercise_does_not_count() -> None:
    student = new_code_cell("accuracy(mine, mnist.test)", metadata={"tags": ["solution"]})
    assert readings_of_the_test_set([new_code_cell(READ_ONCE), student]) == []
