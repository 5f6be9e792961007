"""Runs on a Dask cluster: a scheduler and two worker processes on this machine, for all tests here."""

import os
import signal
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

from course_utils.cluster import process_was_lost
from course_utils.experiment import run_seeds
from course_utils.mnist import ImageDataset

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

# As in a notebook: nobody can import it, so it travels by value, with what it refers to.
CELL = """
import torch
from torch import nn
from course_utils.loader import TensorLoader
from course_utils.models import MLP
from course_utils.training import fit

RATES = {"low": 0.01, "high": 0.1}

def train(seed, rate, dataset):
    model = MLP(784, [16], 10, dropout_rate=0.5, seed=seed)
    optimizer = torch.optim.SGD(model.parameters(), RATES[rate])
    batches = TensorLoader(dataset, 100, shuffle=True)
    history = fit(model, batches, batches, nn.CrossEntropyLoss(), optimizer, epochs=1, seed=seed)
    return {"loss": history.train_loss[-1], "bias": [*model.parameters()][-1].detach().numpy()}
"""


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield cluster


@pytest.fixture(autouse=True)
def two_workers(cluster):
    cluster.scale(2)
    deadline = time.monotonic() + 60
    while len(cluster.scheduler.workers) != 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(cluster.scheduler.workers) == 2


def digits(count=300) -> ImageDataset:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, 1, 28, 28)).astype(np.float32)
    import torch

    return ImageDataset(torch.from_numpy(images), torch.arange(count) % 10)


def test_a_function_of_a_notebook_gives_the_same_bits_as_a_loop_and_shows_its_progress(
    capsys, monkeypatch
):
    monkeypatch.delenv("COURSE_QUIET", raising=False)
    cell = {"__name__": "__main__"}
    exec(CELL, cell)
    settings = {name: {"rate": name} for name in cell["RATES"]}
    runs = run_seeds(cell["train"], range(3), settings, dataset=digits())
    shown = capsys.readouterr().err
    assert "runs:" in shown and "/6" in shown
    with joblib.parallel_config("sequential"):
        expected = run_seeds(cell["train"], range(3), settings, dataset=digits())
    assert expected["loss"].nunique() == 6
    for column in ("setting", "seed", "loss"):
        assert runs[column].tolist() == expected[column].tolist()
    assert all(map(np.array_equal, runs["bias"], expected["bias"]))


def count_what_is_sent():
    from distributed.comm.tcp import TCP

    if not hasattr(TCP, "sent"):
        write = TCP.write

        async def counted(self, *args, **kwargs):
            size = await write(self, *args, **kwargs)
            TCP.sent += size
            return size

        TCP.write = counted
    TCP.sent = 0


def what_was_sent():
    from distributed.comm.tcp import TCP

    return TCP.sent


def test_shared_data_travel_once_a_worker(cluster):
    client = distributed.get_client()
    data = np.random.default_rng(0).normal(size=2_500_000)  # 20 MB
    client.run(count_what_is_sent)
    count_what_is_sent()  # client and scheduler, which live here
    runs = run_seeds(lambda seed, data: float(data.sum()) + seed, range(12), data=data)
    sent = sum(client.run(what_was_sent).values()) + what_was_sent()
    assert runs["result"].tolist() == [data.sum() + seed for seed in range(12)]
    assert 2 * data.nbytes <= sent <= 1.3 * 2 * data.nbytes


def test_a_client_that_reaches_no_worker_sends_by_way_of_the_scheduler(cluster, monkeypatch):
    client = distributed.get_client()
    scatter, ways = client.scatter, []

    def unreachable(data, direct=None, **options):
        ways.append(direct)
        if direct:
            raise OSError("Timed out trying to connect to tcp://10.0.0.7:40001")
        return scatter(data, direct=direct, **options)

    monkeypatch.setattr(client, "scatter", unreachable)
    runs = run_seeds(lambda seed, data: float(data[seed]), range(4), data=np.arange(4.0))
    assert runs["result"].tolist() == [0, 1, 2, 3] and ways == [True, False]


def test_what_a_run_changes_reaches_no_other_run(cluster):
    def change(seed, data):
        data += 1
        return float(data.sum())

    assert set(run_seeds(change, range(6), data=np.zeros(1000))["result"]) == {1000.0}


def test_an_exception_says_which_run_it_came_from(cluster):
    def fail(seed):
        if seed == 2:
            raise ValueError("no such digit")
        return seed

    with pytest.raises(ValueError, match="no such digit") as ended:
        run_seeds(fail, range(4))
    assert "This happened in the run with seed 2." in ended.value.__notes__


@pytest.mark.parametrize("where", ["shared", "settings"])
def test_what_cannot_be_sent_is_named(cluster, where):
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"'(key|shut)' cannot be sent to another process"):
        if where == "shared":
            run_seeds(lambda seed, key: seed, range(2), key=lock)
        else:
            run_seeds(lambda seed, key: seed, range(2), {"shut": {"key": lock}})


def test_a_worker_killed_during_the_sweep_costs_nothing(cluster, tmp_path):
    def run(seed, folder, data):
        mark = Path(folder, "killed")
        if seed == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return seed + float(data[seed])

    runs = run_seeds(run, range(8), folder=str(tmp_path), data=np.arange(100_000))
    assert runs["result"].tolist() == [2 * seed for seed in range(8)]
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize("forgiven", [0, 2])
def test_a_run_that_kills_its_workers_is_named_after_all_others_were_kept(
    forgiven, cluster, tmp_path
):
    def run(seed):
        if seed == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return seed

    before, cluster.scheduler.allowed_failures = cluster.scheduler.allowed_failures, forgiven
    try:
        with pytest.raises(process_was_lost()) as ended:
            run_seeds(run, range(12), keep=tmp_path)
    finally:
        cluster.scheduler.allowed_failures = before
    assert "This happened in the run with seed 3." in ended.value.__notes__
    assert len(list(tmp_path.iterdir())) == 11


def test_what_was_kept_is_not_made_again(cluster, tmp_path):
    def run(seed, counts, data):
        with Path(counts, str(seed)).open("a") as file:
            file.write("x")
        return float(data[seed])

    kept, counts = tmp_path / "kept", tmp_path / "counts"
    counts.mkdir()
    arguments = {"keep": kept, "counts": str(counts), "data": np.arange(10.0)}
    run_seeds(run, range(3), **arguments)
    runs = run_seeds(run, range(5), **arguments)
    assert runs["result"].tolist() == [0, 1, 2, 3, 4]
    assert [path.read_text() for path in sorted(counts.iterdir())] == ["x"] * 5


def test_a_worker_that_joins_late_is_used(cluster, tmp_path):
    def run(seed, folder, data):
        """Ends once three processes are at work."""
        Path(folder, str(os.getpid())).touch()
        deadline = time.monotonic() + 60
        while len(list(Path(folder).iterdir())) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        return len(list(Path(folder).iterdir())) + int(data[0])

    def join():
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        cluster.scale(3)

    threading.Thread(target=join, daemon=True).start()
    runs = run_seeds(run, range(9), folder=str(tmp_path), data=np.zeros(100_000))
    assert set(runs["result"]) == {3}
