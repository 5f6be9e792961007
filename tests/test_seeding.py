"""Seeds and determinism that end with their block."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from lesson_rules import code_cells, lesson_path, read_lesson
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    TensorDataset,
)

from course_utils.experiment import run_seeds
from course_utils.generators import generators_kept
from course_utils.models import MLP
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.seeding import (
    deterministic,
    fixed_permutation,
    generator,
    rng,
    seeded,
    shifted,
)


def draw() -> tuple[float, float, float]:
    return float(torch.rand(())), float(np.random.rand()), random.random()  # noqa: NPY002


@pytest.mark.parametrize("fails", [None, KeyError, KeyboardInterrupt])
def test_all_three_generators_go_on_afterwards_as_if_nothing_had_happened(fails):
    with seeded(0):
        undisturbed = [draw(), draw()]
    with seeded(0):
        first = draw()
        try:
            with seeded(99):
                draw()
                if fails:
                    raise fails
        except BaseException as error:
            assert type(error) is fails
        assert [first, draw()] == undisturbed


def test_blocks_within_blocks_each_end_where_they_began():
    with seeded(1):
        outer = [draw(), draw(), draw()]
        with seeded(2):
            inner = [draw(), draw()]
    with seeded(1):
        assert draw() == outer[0]
        with seeded(2):
            assert draw() == inner[0]
            with generators_kept(), seeded(1):
                assert draw() == outer[0]
            assert draw() == inner[1]
        with generators_kept():
            assert draw() == outer[1]
        assert [draw(), draw()] == outer[1:]


def test_seeds_are_the_same_for_layers_that_are_made_within():
    with seeded(3):
        first = torch.nn.Linear(3, 3).weight
    with seeded(np.uint8(3)):
        assert torch.equal(torch.nn.Linear(3, 3).weight, first)
    torch_only = torch.Generator().manual_seed(3)
    with seeded(3):
        assert torch.equal(torch.rand(4), torch.rand(4, generator=torch_only))
        assert random.random() == random.Random(3).random()
        assert np.random.rand() == np.random.RandomState(3).rand()  # noqa: NPY002


@pytest.mark.parametrize("seed", [torch.tensor(5), np.array(5), 5.0, np.float64(5), "5", 5 - 2**32])
def test_the_advice_about_a_seed_works(seed):
    with (
        pytest.raises(ValueError, match=r"int\(\.\.\.\) makes one, and seed % 2\*\*32"),
        seeded(seed),
    ):
        pass
    with seeded(int(seed) % 2**32):
        first = draw()
    with seeded(5):
        assert draw() == first


def test_the_seed_decides_all_three_generators():
    draws = []
    for seed in (5, np.int64(5), 6):
        with seeded(seed):
            draws.append(draw())
    assert draws[0] == draws[1]
    assert all(a != b for a, b in zip(draws[0], draws[2], strict=True))


def test_the_largest_seed_is_allowed():
    with seeded(2**32 - 1):
        first = draw()
    with seeded(2**32 - 1):
        assert draw() == first


@pytest.mark.parametrize("seed", [True, False, -1, 2**32, 1.0, "1", None, np.float64(2)])
def test_what_is_no_seed_is_refused_by_name(seed):
    with pytest.raises(ValueError, match=r"integer in \[0, 2\*\*32\)") as error, seeded(seed):
        pass
    assert repr(seed) in str(error.value)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_deterministic_blocks_within_blocks(two_threads):
    with deterministic(3):
        with deterministic():
            assert torch.get_num_threads() == 1
        assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == (3, 1)
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == (2, 0)


def test_what_is_done_to_the_settings_within_ends_with_the_block(two_threads):
    with pytest.raises(KeyboardInterrupt), deterministic():
        torch.set_num_threads(4)
        torch.set_deterministic_debug_mode("error")
        raise KeyboardInterrupt
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == (2, 0)


@pytest.mark.parametrize("fails", [False, True])
def test_deterministic_sets_threads_and_mode_and_restores_both(two_threads, fails):
    mode = torch.get_deterministic_debug_mode()
    try:
        with deterministic():
            inside = torch.get_num_threads(), torch.get_deterministic_debug_mode()
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert inside == (1, 1)
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == (2, mode)


def test_deterministic_takes_another_number_of_threads_but_none_below_one():
    before = torch.get_num_threads()
    with deterministic(num_threads=3):
        assert torch.get_num_threads() == 3
    with pytest.raises(ValueError, match="got 0"), deterministic(num_threads=0):
        pass
    with pytest.raises(ValueError, match=r"got 1.5"), deterministic(num_threads=1.5):
        pass
    with deterministic(np.int64(2)):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("fails", [False, True])
def test_loaders_and_global_generators_are_put_back(fails):
    data = TensorDataset(torch.arange(20))
    own = torch.Generator().manual_seed(1)
    sampler = RandomSampler(data, generator=torch.Generator().manual_seed(2))
    loaders = [
        DataLoader(data, 5, shuffle=True, generator=own),
        DataLoader(data, batch_sampler=BatchSampler(sampler, 5, drop_last=False)),
        DataLoader(data, 5, shuffle=True),
        [(torch.zeros(1),)],
    ]

    def everything():
        return [[batch[0].tolist() for batch in loader] for loader in loaders], draw()

    with seeded(0):
        try:
            with generators_kept(*loaders):
                first = everything()
                if fails:
                    raise KeyError
        except KeyError:
            pass
        assert everything() == first
        assert everything() != first


# --- COURSE_SEED_OFFSET


def at_offset(offset, function, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SEED_OFFSET", offset)
        return function(*arguments)


def drawn(seed: int) -> list[float]:
    """What every source of chance gives: both kinds of generators, the global ones, a model of each track."""
    with seeded(seed):
        globally = draw()
    (weight,) = MLP(1, [], 1, seed=seed).net[0].weight.tolist()[0]
    return [
        *globally,
        float(torch.rand((), generator=generator(seed))),
        float(rng(seed).random()),
        float(rng([seed, 1]).random()),
        weight,
        float(LSTM(1, 1, 1, rng=seed).get_params()["W_out"][0, 0]),
    ]


@pytest.mark.parametrize("offset", ["0", "", "00"])
@pytest.mark.parametrize("seed", [0, 1, 123, 10_000, np.int64(7), 2**32 - 1])
def test_without_an_offset_the_seeds_are_the_plain_ones(seed, offset, monkeypatch):
    monkeypatch.setenv("COURSE_SEED_OFFSET", offset)
    assert shifted(seed) == seed
    plain = torch.Generator().manual_seed(int(seed))
    assert torch.equal(generator(seed).get_state(), plain.get_state())
    for seeds in (seed, [seed], [seed, 0], [seed, 1]):
        assert rng(seeds).bit_generator.state == np.random.default_rng(seeds).bit_generator.state
    with seeded(seed):
        assert torch.equal(torch.get_rng_state(), plain.get_state())


def test_an_offset_shifts_every_source_of_chance_and_repeats_itself():
    blocks = {offset: at_offset(offset, drawn, 3) for offset in ("0", "7", "8")}
    assert blocks["0"] == drawn(3), "no offset is offset 0"
    assert blocks["7"] == at_offset("7", drawn, 3)
    for one, other in (("0", "7"), ("7", "8"), ("0", "8")):
        assert all(a != b for a, b in zip(blocks[one], blocks[other], strict=True))


def test_no_seed_of_one_block_is_a_seed_of_another():
    starts = sorted(at_offset(str(offset), shifted, 0) for offset in range(901))
    gaps = np.diff([*starts, starts[0] + 2**32])
    assert gaps.min() > 3_000_000
    assert at_offset("5", shifted, 2_999_999) == (at_offset("5", shifted, 0) + 2_999_999) % 2**32
    streams = {
        at_offset(str(offset), rng, seed).random() for offset in range(30) for seed in range(30)
    }
    assert len(streams) == 900


def test_numpy_makes_fresh_streams_of_none_at_any_offset():
    for offset in ("0", "7"):
        assert at_offset(offset, rng, None).random() != at_offset(offset, rng, None).random()


def test_the_split_of_mnist_is_data_and_stays():
    order = fixed_permutation(100)
    assert np.array_equal(at_offset("7", fixed_permutation, 100), order)
    assert np.array_equal(np.sort(order), np.arange(100))


@pytest.mark.parametrize("value", ["x", "-1", "1.5", " 1", "1e3", "٣", "True"])
@pytest.mark.parametrize(
    "start",
    [
        lambda: generator(0),
        lambda: rng(0),
        lambda: shifted(0),
        lambda: MLP(1, [], 1, seed=0),
        lambda: run_seeds(lambda seed: seed, n_jobs=1),
    ],
)
def test_an_offset_that_is_none_is_refused_by_name(start, value, monkeypatch):
    monkeypatch.setenv("COURSE_SEED_OFFSET", value)
    with pytest.raises(ValueError, match="COURSE_SEED_OFFSET must be a whole number") as error:
        start()
    assert repr(value) in str(error.value) and "set it to one, or to 0" in str(error.value)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, None, True, "1"])
def test_what_is_no_seed_is_refused_by_generators_too(seed):
    for function in (generator, shifted):
        with pytest.raises(ValueError, match=r"integer in \[0, 2\*\*32\)"):
            function(seed)


def test_workers_follow_the_caller_even_if_they_were_started_before():
    def run(seed):
        with seeded(seed):
            numbers = [float(torch.rand(())), float(rng(seed).random())]
        return {"numbers": numbers, "pid": os.getpid()}

    plain, other = (
        at_offset(offset, lambda: run_seeds(run, range(2), n_jobs=2)) for offset in "07"
    )
    assert set(other["pid"]) <= set(plain["pid"]), "the same old processes"
    assert os.getpid() not in set(other["pid"])
    for offset, runs in (("0", plain), ("7", other)):
        here = [at_offset(offset, run, seed)["numbers"] for seed in range(2)]
        assert runs["numbers"].tolist() == here
        assert runs["seed"].tolist() == [0, 1], "the seeds that were asked for"
    assert plain["numbers"].tolist() != other["numbers"].tolist()


def test_the_numbers_of_a_lesson_change_in_the_caller_and_in_workers():
    cells = code_cells(read_lesson(lesson_path("start_here")))
    (cell,) = [cell.source for cell in cells if "def toss(" in cell.source]
    lesson = {"__name__": "__main__"}  # so that its function travels by value, as a notebook's does
    exec("import torch\nfrom course_utils import seeding\n" + cell.partition("\n\n\n")[0], lesson)
    shares = {}
    for offset in ("0", "7"):
        here, there = (
            at_offset(offset, lambda n: run_seeds(lesson["toss"], n_jobs=n)["result"].tolist(), n)
            for n in (1, 2)
        )
        assert here == there
        shares[offset] = here
    coins = [torch.Generator().manual_seed(seed) for seed in range(5)]
    tosses = [torch.randint(0, 2, (100,), generator=coin).float().mean().item() for coin in coins]
    assert shares["0"] == tosses
    assert shares["7"] != tosses


def in_a_new_process(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    found = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return found.stdout


@pytest.mark.parametrize("module", ["workers", "notebook", "seeding", "numpy_track.checks"])
def test_what_starts_first_loads_neither_torch_nor_pandas(module):
    code = f"import course_utils.{module}, sys; print(*sys.modules)"
    loaded = set(in_a_new_process(code).split())
    assert f"course_utils.{module}" in loaded
    assert loaded.isdisjoint({"torch", "pandas"})


def test_a_notebook_says_that_seeds_are_shifted_and_refuses_a_bad_offset():
    code = """
import os
from course_utils.notebook import set_up
set_up("start_here", "en")
os.environ["COURSE_SEED_OFFSET"] = "7"
set_up("start_here", "en")
os.environ["COURSE_SEED_OFFSET"] = "x"
try:
    set_up("start_here", "en")
except ValueError as error:
    print(error)
"""
    plain, _, shifted_seeds, refusal = in_a_new_process(code, COURSE_SEED_OFFSET="").splitlines()
    assert plain.startswith("Device: ")
    assert "COURSE_SEED_OFFSET=7" in shifted_seeds
    assert "COURSE_SEED_OFFSET must be a whole number" in refusal


class Noisy(Dataset):
    """Draws its noise from generators of its own, one of each kind."""

    def __init__(self):
        self.noise = {"torch": torch.Generator().manual_seed(0), "numpy": np.random.default_rng(0)}
        self.others = [np.random.RandomState(0), random.Random(0)]

    def __len__(self):
        return 6

    def __getitem__(self, i):
        torch_noise = torch.randn((), generator=self.noise["torch"])
        others = self.noise["numpy"].normal() + self.others[0].normal() + self.others[1].random()
        return torch_noise.double() + others, i


class Wrapper:
    def __init__(self, inner):
        self.inner = inner
        self.again = self  # a circle

    def __iter__(self):
        return iter(self.inner)


def test_generators_are_put_back_wherever_a_loader_holds_them():
    def batches(look):
        order = torch.Generator().manual_seed(3)
        loader = Wrapper(DataLoader(Subset(Noisy(), range(5)), 2, shuffle=True, generator=order))
        if look:
            with generators_kept(loader):
                list(loader)
        return [torch.cat(column) for column in zip(*loader, strict=True)]

    for looked, left_alone in zip(batches(look=True), batches(look=False), strict=True):
        assert torch.equal(looked, left_alone)
