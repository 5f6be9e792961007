"""The results file of numpy_relational_rnn: what is in it, how it is made, and one point of it made again."""

import json
import math
from functools import partial
from itertools import product

import experiments
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from course_utils.numpy_track import farthest_vector
from course_utils.numpy_track.farthest_vector import MODELS, SETTINGS, SIZES, Setting

RESULTS = farthest_vector.load_results()
CURVE = ("steps", "loss", "accuracy", "seconds")
TINY = Setting(num_vectors=3, vector_size=2, n=1, num_steps=4)
SMALLEST = {model: next(iter(sizes)) for model, sizes in SIZES.items()}


def final(setting, model, what="accuracy"):
    runs = [r for r in RESULTS["runs"] if (r["setting"], r["model"]) == (setting, model)]
    return {run["seed"]: run[what][-1] for run in runs}


def test_every_setting_was_run_by_both_models_on_the_same_ten_seeds():
    for setting in SETTINGS:
        seeds = {model: set(final(setting, model)) for model in MODELS}
        assert seeds["relational"] == seeds["LSTM"]
        assert len(seeds["LSTM"]) == 10
    assert len(RESULTS["runs"]) == len(SETTINGS) * len(MODELS) * len(experiments.SEEDS)


def test_the_file_records_the_settings_that_the_code_has():
    assert {name: Setting(**s) for name, s in RESULTS["settings"].items()} == SETTINGS
    assert RESULTS["fixed"]["batch_size"] == farthest_vector.BATCH_SIZE
    assert RESULTS["fixed"]["clip_norm"] == farthest_vector.CLIP_NORM
    assert set(RESULTS["versions"]) == {"python", "numpy", "machine"}
    assert tuple(RESULTS["tuning"]["seeds"]) == experiments.TUNING_SEEDS
    assert tuple(RESULTS["tuning"]["rates"]) == experiments.RATES


@pytest.mark.parametrize("run", RESULTS["runs"])
def test_a_curve_is_whole(run):
    assert len({len(run[what]) for what in CURVE}) == 1
    assert run["steps"] == sorted(set(run["steps"]))
    assert np.isfinite([run[what] for what in CURVE]).all()
    assert min(run["accuracy"]) >= 0 and max(run["accuracy"]) <= 1
    assert run["seconds"] == sorted(run["seconds"])


def test_every_run_goes_to_its_end_with_the_size_and_rate_that_were_chosen():
    for run in RESULTS["runs"]:
        assert run["steps"][-1] == SETTINGS[run["setting"]].num_steps
        chosen = RESULTS["tuning"]["chosen"][run["setting"]][run["model"]]
        assert {"size": run["size"], "learning_rate": run["learning_rate"]} == chosen


@pytest.mark.parametrize("setting", SETTINGS)
def test_both_models_are_tuned_alike_at_every_setting_on_seeds_of_their_own(setting):
    runs = pd.DataFrame(RESULTS["tuning"]["runs"])
    runs = runs[runs["setting"] == setting]
    assert not set(runs["seed"]) & {run["seed"] for run in RESULTS["runs"]}
    for model in MODELS:
        of_model = runs[runs["model"] == model]
        first = of_model[of_model["seed"] == experiments.TUNING_SEEDS[0]]
        tried = set(zip(first["size"], first["learning_rate"], strict=True))
        assert tried == set(product(SIZES[model], experiments.RATES))
        results = of_model.groupby(["size", "learning_rate"])["accuracy"]
        finalists = results.mean()[results.size() == len(experiments.TUNING_SEEDS)]
        assert len(finalists) == experiments.NUM_FINALISTS
        assert len(of_model) == len(tried) + 2 * experiments.NUM_FINALISTS
        others = first.set_index(["size", "learning_rate"])["accuracy"].drop(finalists.index)
        assert (
            others.max()
            <= first.set_index(["size", "learning_rate"])["accuracy"][finalists.index].min()
        )
        chosen = RESULTS["tuning"]["chosen"][setting][model]
        assert finalists[chosen["size"], chosen["learning_rate"]] == finalists.max()


def test_the_sizes_of_both_models_reach_from_thousands_to_tens_of_thousands_of_parameters():
    for sizes in RESULTS["num_parameters"].values():
        for model in MODELS:
            assert min(sizes[model].values()) < 10_000 < 25_000 < max(sizes[model].values())


@pytest.mark.parametrize("name", SETTINGS)
def test_baselines_are_those_of_the_file(name):
    expected = RESULTS["baselines"][name]
    assert farthest_vector.baselines(SETTINGS[name]) == pytest.approx(expected, abs=1e-9)


def test_baselines_are_what_the_rules_score_on_other_sequences():
    setting = SETTINGS["k = 4"]
    X, y, metadata = setting.sequences(8000, np.random.default_rng(77))
    rules = farthest_vector.nth_farthest_shortcuts(X, metadata)
    for name in ("smallest dot product", "largest norm"):
        share = (rules[name] == y.argmax(axis=1)).mean()
        assert share == pytest.approx(RESULTS["baselines"]["k = 4"][name], abs=0.03)
    varied = RESULTS["baselines"]["k = 5, n varies"]["last rank: the reference"]
    assert varied == pytest.approx(0.4, abs=0.02)


def test_a_run_repeats():
    first, again = (
        farthest_vector.train_run(3, "LSTM", TINY, "32 units", 1e-3, every=2) for _ in range(2)
    )
    assert {**first, "seconds": 0, "net": 0} == {**again, "seconds": 0, "net": 0}
    assert first["steps"] == [2, 4]
    other = farthest_vector.train_run(4, "LSTM", TINY, "32 units", 1e-3, every=2)
    assert other["loss"] != first["loss"]


def test_both_models_see_the_same_sequences_fresh_ones_at_every_step(monkeypatch):
    seen = []

    def step(net, X, y, learning_rate, clip_norm, optimizer):
        seen.append((type(net).__name__, X, y, learning_rate, clip_norm, optimizer))

    monkeypatch.setattr(farthest_vector, "train_step", step)
    for model in MODELS:
        farthest_vector.train_run(3, model, TINY, SMALLEST[model], 2e-3, every=4)
    of_one, of_other = seen[:4], seen[4:]
    assert {name for name, *_ in of_one} == {"RelationalRNN"}
    assert {name for name, *_ in of_other} == {"LSTM"}
    for one, other in zip(of_one, of_other, strict=True):
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[2], other[2])
        assert one[3:5] == other[3:5] == (2e-3, farthest_vector.CLIP_NORM)
        assert len(one[1]) == farthest_vector.BATCH_SIZE
    assert len({X.tobytes() for _, X, *_ in of_one}) == 4
    assert len({id(optimizer) for *_, optimizer in seen}) == 2, "an optimizer for each run"


def test_a_curve_counts_steps_and_the_seconds_of_training_alone(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(farthest_vector.time, "process_time", lambda: clock["now"])

    def step(*_, **__):
        clock["now"] += 1.5

    def evaluated(*_):
        clock["now"] += 1000
        return 0.123456

    monkeypatch.setattr(farthest_vector, "train_step", step)
    monkeypatch.setattr(farthest_vector, "accuracy", evaluated)
    run = farthest_vector.train_run(0, "LSTM", TINY, "32 units", 1e-3, num_steps=6, every=2)
    assert run["steps"] == [2, 4, 6] and run["seconds"] == [3, 6, 9]
    assert run["accuracy"] == [0.1235] * 3
    assert farthest_vector.train_run(0, "LSTM", TINY, "32 units", 1e-3, every=4)["steps"] == [4]


@pytest.mark.parametrize(
    ("size", "num_slots", "slot_size", "num_heads"),
    [
        ("k slots of 16, 2 heads", 4, 16, 2),
        ("k slots of 32, 4 heads", 4, 32, 4),
        ("8 slots of 32, 4 heads", 8, 32, 4),
    ],
)
def test_a_relational_rnn_has_the_size_that_its_name_says(size, num_slots, slot_size, num_heads):
    setting = Setting(num_vectors=4, vector_size=3, n=1, num_steps=1)
    net = farthest_vector.build_model("relational", setting, size, np.random.default_rng(0))
    core = net.cell.core
    assert (net.input_size, net.output_size, net.hidden_size) == (15, 4, 64)
    assert (core.num_slots, core.slot_size, core.num_heads) == (num_slots, slot_size, num_heads)


@pytest.mark.parametrize("units", [32, 64, 128])
def test_an_lstm_has_the_size_that_its_name_says(units):
    setting = Setting(num_vectors=4, vector_size=3, n=1, num_steps=1)
    lstm = farthest_vector.build_model("LSTM", setting, f"{units} units", np.random.default_rng(0))
    assert (lstm.input_size, lstm.output_size, lstm.hidden_size) == (15, 4, units)
    assert lstm.get_params()["W_h"].shape == (units, 64)
    X, y, metadata = setting.sequences(5, np.random.default_rng(0))
    assert X.shape == (5, 4, 15) and y.shape == (5, 4) and metadata["n"] == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, None),
        ({"steps": [1]}, "the file has steps"),
        ({"loss": [1.009]}, None),
        ({"loss": [1.011]}, "the first loss differs by 0.0110"),
        ({"accuracy": [0.549]}, None),
        ({"accuracy": [0.451]}, None),
        ({"accuracy": [0.551]}, "the last accuracy differs by 0.051"),
        ({"accuracy": [0.449]}, "the last accuracy differs by 0.051"),
    ],
)
def test_the_check_allows_for_rounding_and_for_nothing_more(change, complaint, monkeypatch):
    old = {**experiments.CHECKED, "size": "a size", "learning_rate": 1e-3, "steps": [2]}
    old |= {"loss": [1.0], "accuracy": [0.5]}
    asked = []
    monkeypatch.setattr(experiments, "curve_of", lambda **a: asked.append(a) or (old | change))
    complaints = experiments.check({"runs": [old | {"seed": 9}, old]})
    assert asked == [{"size": "a size", "learning_rate": 1e-3, **experiments.CHECKED}]
    assert [c[: len(complaint)] for c in complaints] == ([complaint] if complaint else [])


@pytest.mark.parametrize(("complaints", "code"), [([], False), (["the loss differs"], True)])
def test_the_command_fails_where_the_check_complains(complaints, code, monkeypatch, capsys):
    monkeypatch.setattr(experiments, "check", lambda results: complaints)
    monkeypatch.setattr(experiments, "all_results", lambda: pytest.fail("nothing is made anew"))
    monkeypatch.setattr("sys.argv", ["experiments.py", "--check"])
    with pytest.raises(SystemExit) as ended:
        experiments.main()
    assert bool(ended.value.code) is code
    assert (complaints or ["comes out as the file says"])[0] in capsys.readouterr().out


SHORT = {"num_steps": 4, "every": 2}


def test_tuning_tries_everything_once_and_the_finalists_on_the_other_seeds(monkeypatch, tmp_path):
    def curve_of(seed, *, setting, model, size, learning_rate, num_steps, every, purpose):
        assert (setting, model, purpose, num_steps, every) == ("k = 3", "LSTM", "validation", 4, 2)
        good = {("64 units", 0.01): 0.9, ("32 units", 0.02): 0.8, ("128 units", 0.001): 0.7}
        later = {("64 units", 0.01): 0.1, ("32 units", 0.02): 0.8, ("128 units", 0.001): 0.75}
        known = good if seed == 100 else later
        return {"steps": [2, 4], "accuracy": [0.99, known.get((size, learning_rate), 0.5)]}

    monkeypatch.setattr(experiments, "curve_of", curve_of)
    monkeypatch.setattr(experiments, "run_seeds", partial(run_here, experiments.run_seeds))
    tuning = experiments.tune("k = 3", "LSTM", tmp_path, **SHORT)
    assert len(tuning) == 3 * len(experiments.RATES) + 2 * experiments.NUM_FINALISTS
    finalists = tuning[tuning["seed"] != 100]
    assert set(finalists["seed"]) == {101, 102}
    assert set(zip(finalists["size"], finalists["learning_rate"], strict=True)) == {
        ("64 units", 0.01),
        ("32 units", 0.02),
        ("128 units", 0.001),
    }
    # the best on the first seed is not the best on all three
    assert experiments.best_choice(tuning) == {"size": "32 units", "learning_rate": 0.02}


def run_here(run_seeds, *arguments, **options):
    return run_seeds(*arguments, **{**options, "n_jobs": 1})


def test_the_comparison_gives_each_model_its_choice_and_both_the_same_seeds(monkeypatch, tmp_path):
    asked = []

    def curve_of(seed, **arguments):
        asked.append((seed, arguments))
        return {"accuracy": [0.5]}

    monkeypatch.setattr(experiments, "curve_of", curve_of)
    monkeypatch.setattr(experiments, "run_seeds", partial(run_here, experiments.run_seeds))
    chosen = {
        setting: {
            model: {"size": SMALLEST[model], "learning_rate": 0.001 * (i + 1)}
            for i, model in enumerate(MODELS)
        }
        for setting in SETTINGS
    }
    runs = experiments.compare(chosen, tmp_path, **SHORT)
    assert len(asked) == len(runs) == len(SETTINGS) * len(MODELS) * len(experiments.SEEDS)
    for seed, arguments in asked:
        setting, model = arguments.pop("setting"), arguments.pop("model")
        assert arguments == {**chosen[setting][model], **SHORT}, "and the test sequences judge"
        assert seed in experiments.SEEDS
    assert set(runs.groupby(["setting", "model"])["seed"].nunique()) == {10}


def test_the_whole_is_made_once_and_taken_from_what_was_kept_afterwards(monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "SETTINGS", {"k = 3": TINY})
    monkeypatch.setattr(experiments, "SEEDS", (0, 1))
    monkeypatch.setattr(experiments, "RATES", (0.001, 0.01))
    monkeypatch.setattr(experiments, "step_milliseconds", lambda name, chosen: {})
    monkeypatch.setattr(experiments, "run_seeds", partial(run_here, experiments.run_seeds))
    results = experiments.all_results(tmp_path, **SHORT)
    kept = len(list(tmp_path.iterdir()))
    assert kept == len(results["runs"]) + len(results["tuning"]["runs"])
    monkeypatch.setattr(experiments, "train_run", lambda *_, **__: pytest.fail("made again"))
    again = experiments.all_results(tmp_path, **SHORT)
    assert json.dumps(again) == json.dumps(results)


def test_validation_and_test_sequences_differ():
    X_val, X_test = (TINY.held_out(purpose)[0] for purpose in ("validation", "test"))
    assert not np.allclose(X_val, X_test)
    assert np.array_equal(X_test, TINY.held_out()[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "GRU"}, "model and size must be among .*'GRU', '32 units'"),
        ({"size": "33 units"}, "LSTM: 32 units, 64 units, 128 units; got 'LSTM', '33 units'"),
        ({"num_steps": 0}, "num_steps must be at least 1"),
        ({"num_steps": 3, "every": 2}, "num_steps must be a multiple of every=2, got 3"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        farthest_vector.train_run(
            **{"seed": 0, "model": "LSTM", "setting": TINY, "size": "32 units"}
            | {"learning_rate": 1e-3, "every": 2}
            | arguments
        )


def test_a_step_is_timed_on_one_thread(monkeypatch):
    threads = []
    monkeypatch.setattr(
        experiments,
        "train_step",
        lambda *_, **__: threads.extend(pool["num_threads"] for pool in threadpool_info()),
    )
    chosen = {model: {"size": size} for model, size in SMALLEST.items()}
    assert set(experiments.step_milliseconds("k = 3", chosen, rounds=1)) == set(MODELS)
    assert set(threads) == {1}


def test_a_file_is_replaced_whole_and_reads_back_as_it_was(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("old")
    experiments.save({"runs": [{"loss": [1.5, 0.25]}], "text": "≈"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "runs": [{"loss": [1.5, 0.25]}],
        "text": "≈",
    }
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    with pytest.raises(TypeError):
        experiments.save({"runs": object()}, path)
    assert "loss" in path.read_text(encoding="utf-8")


def test_one_point_of_the_file_comes_out_again():
    assert experiments.check(RESULTS) == []


def test_the_check_notices_a_file_that_says_something_else(monkeypatch):
    old = next(run for run in RESULTS["runs"] if experiments.CHECKED.items() <= run.items())
    monkeypatch.setattr(experiments, "curve_of", lambda **_: old)
    assert experiments.check(RESULTS) == []
    better = old | {"accuracy": [*old["accuracy"][:-1], 1.0], "loss": [9.0, *old["loss"][1:]]}
    complaints = experiments.check(RESULTS | {"runs": [better]})
    assert len(complaints) == 2
    assert "the first loss differs by" in complaints[0]
    assert math.isclose(float(complaints[1].split()[-1]), 1 - old["accuracy"][-1], abs_tol=1e-3)
