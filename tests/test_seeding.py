"""Seeds and determinism that end with their block."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    TensorDataset,
)

from course_utils.seeding import deterministic, generators_kept, seeded


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
