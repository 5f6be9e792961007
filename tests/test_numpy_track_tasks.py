"""The generated tasks: every answer worked out once more, by reading the sequence as a person would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.numpy_track.tasks import (
    create_train_test_split,
    generate_babi_simple,
    generate_nth_farthest,
    generate_object_tracking,
    generate_pair_matching,
    normalize_sequences,
    nth_farthest_shortcuts,
)

GENERATORS = [
    generate_object_tracking,
    generate_pair_matching,
    generate_babi_simple,
    generate_nth_farthest,
]
seeds = st.integers(0, 2**32 - 1)


def only_one(row):
    """Where the single 1 stands in a row that is 0 elsewhere."""
    assert sorted(row) == [0] * (len(row) - 1) + [1]
    return int(np.argmax(row))


# --- right answers


@settings(max_examples=40)
@given(seeds, st.integers(1, 4), st.integers(2, 6), st.integers(0, 12))
def test_object_tracking_follows_every_object_to_its_last_place(seed, n, grid, more_steps):
    seq_len = n + more_steps
    X, y, metadata = generate_object_tracking(20, seq_len, n, grid, rng=seed)
    assert X.shape == (20, seq_len + 1, n + 2) and y.shape == (20, 2)
    assert (metadata["input_dim"], metadata["output_dim"]) == (n + 2, 2)
    assert metadata["task"] == "object_tracking" and metadata["grid_size"] == grid
    for sequence, answer in zip(X, y, strict=True):
        place = {}
        for t, step in enumerate(sequence[:-1]):
            who, where = only_one(step[:n]), np.rint(step[n:] * grid)
            np.testing.assert_allclose(where / grid, step[n:], atol=1e-12)
            assert (where >= 0).all() and (where < grid).all()
            assert (who in place) == (t >= n), "first everyone once, in any order"
            if who in place:
                assert np.abs(where - place[who]).sum() <= 1, "one square at a time"
            place[who] = where
        assert (sequence[-1, n:] == 0).all()
        np.testing.assert_allclose(answer, place[only_one(sequence[-1, :n])] / grid, atol=1e-12)


@settings(max_examples=40)
@given(seeds, st.integers(2, 9), st.integers(0, 9))
def test_pair_matching_answers_with_the_partner(seed, half_length, more_elements):
    seq_len, n_pairs = 2 * half_length, half_length // 2
    vocab = 2 * n_pairs + more_elements
    X, y, metadata = generate_pair_matching(20, seq_len, vocab, rng=seed)
    assert X.shape == (20, seq_len, vocab + 1) and metadata["n_pairs"] == n_pairs
    for sequence, answer in zip(X, y, strict=True):
        shown = [only_one(step) for step in sequence[: 2 * n_pairs]]
        assert len(set(shown)) == 2 * n_pairs and vocab not in shown
        partner = dict(zip(shown[::2], shown[1::2], strict=True))
        partner |= {b: a for a, b in partner.items()}
        question = sequence[2 * n_pairs]
        assert question[vocab] == 1
        assert only_one(answer) == partner[only_one(question[:vocab])]
        assert (sequence[2 * n_pairs + 1 :] == 0).all()


@settings(max_examples=40)
@given(seeds, st.integers(2, 8), st.integers(2, 5), st.integers(2, 5))
def test_babi_finds_the_ball_where_its_last_holder_went(seed, max_facts, n_entities, n_locations):
    X, y, metadata = generate_babi_simple(20, max_facts, n_entities, n_locations, rng=seed)
    goes = n_entities + n_locations
    assert X.shape == (20, max_facts + 1, goes + 3) and metadata["output_dim"] == n_locations
    ball = n_entities - 1
    for story, answer in zip(X, y, strict=True):
        place, holder, over = {}, None, False
        for t, fact in enumerate(story[:-1]):
            if not fact.any():
                over = True
                continue
            assert not over, "empty steps come last"
            who = only_one(fact[:n_entities])
            assert who != ball and fact[goes + 2] == 0
            if only_one(fact[goes : goes + 2]) == 0:
                place[who] = only_one(fact[n_entities:goes])
            else:
                assert t > 0 and who in place and not fact[n_entities:goes].any()
                holder = who
        assert only_one(story[-1, :n_entities]) == ball and only_one(story[-1, n_entities:]) == (
            n_locations + 2
        )
        assert only_one(answer) == place[holder]


@settings(max_examples=40)
@given(seeds, st.integers(2, 6), st.integers(1, 5), st.booleans())
def test_nth_farthest_sorts_by_distance_from_the_named_vector(seed, k, D, fixed):
    n = 1 + seed % k if fixed else None
    X, y, metadata = generate_nth_farthest(20, k, D, n, rng=seed)
    assert X.shape == (20, k, D + 3 * k) and metadata["n"] == n
    shortcuts = nth_farthest_shortcuts(X, metadata)
    for i, (sequence, answer) in enumerate(zip(X, y, strict=True)):
        vectors = {only_one(step[D : D + k]): step[:D] for step in sequence}
        assert sorted(vectors) == list(range(k))
        assert max(np.abs(v).max() for v in vectors.values()) <= 1
        m, rank = (
            {only_one(step[D + a * k : D + (a + 1) * k]) for step in sequence} for a in (1, 2)
        )
        (m,), (rank,) = m, rank
        assert n is None or rank == n - 1
        distance = {j: np.linalg.norm(v - vectors[m]) for j, v in vectors.items()}
        assert only_one(answer) == sorted(distance, key=distance.get, reverse=True)[rank]
        others = [j for j in vectors if j != m]
        assert shortcuts["the reference itself"][i] == m
        assert shortcuts["largest norm"][i] == max(others, key=lambda j: vectors[j] @ vectors[j])
        assert shortcuts["smallest dot product"][i] == min(
            others, key=lambda j: vectors[j] @ vectors[m]
        )


def test_answers_and_questions_are_spread_evenly():
    """Who always answers the same is right about one time in as many as there are answers."""
    for generate, classes in (
        (generate_pair_matching, 20),
        (generate_babi_simple, 4),
        (generate_nth_farthest, 8),
    ):
        _, y, _ = generate(8000, rng=0)
        share = y.mean(axis=0)
        spread = np.sqrt(1 / classes * (1 - 1 / classes) / 8000)
        assert np.abs(share - 1 / classes).max() < 4.5 * spread, generate.__name__
    X, _, _ = generate_object_tracking(8000, rng=0)
    assert np.abs(X[:, -1, :3].mean(axis=0) - 1 / 3).max() < 4.5 * np.sqrt(2 / 9 / 8000)


def assert_even(drawn, choices):
    """Each of ``choices`` about as often as any other, and nothing else."""
    drawn, choices = np.ravel(drawn), np.asarray(choices)
    counts = (drawn[:, None] == choices).sum(axis=0)
    assert counts.sum() == len(drawn), "something else was drawn too"
    share = 1 / len(choices)
    allowed = 4.5 * np.sqrt(share * (1 - share) * len(drawn))
    assert np.abs(counts - share * len(drawn)).max() < allowed, counts


def test_objects_begin_anywhere_and_take_every_direction_and_none_alike():
    n, grid = 2, 200  # walls are too far away to matter
    X, _, _ = generate_object_tracking(3000, 6, n, grid, rng=0)
    who, where = X[:, :-1, :n].argmax(axis=2), np.rint(X[:, :-1, n:] * grid).astype(int)
    assert_even(where[:, :n] // 20, range(10))
    assert {0, grid - 1} <= set(where.ravel())
    assert_even(who[:, 0], range(n))
    assert_even(who[:, n:], range(n))
    assert_even(X[:, -1, :n].argmax(axis=1), range(n))
    steps = []
    for sequence, objects in zip(where, who, strict=True):
        for t in range(n, 6):
            before = max(s for s in range(t) if objects[s] == objects[t])
            steps.append(sequence[t] - sequence[before])
    dx, dy = np.array(steps).T
    assert_even(3 * dx + dy, [1, -1, 3, -3, 0])


def test_a_wall_holds_back_and_what_would_leave_the_grid_stays():
    X, _, _ = generate_object_tracking(4000, 2, 1, 2, rng=0)
    where = np.rint(X[:, :2, 1:] * 2).astype(int)
    moved = np.abs(where[:, 1] - where[:, 0]).sum(axis=1)
    # of five choices two lead into a wall of a grid of 2 x 2, and one is to stay
    assert moved.mean() == pytest.approx(2 / 5, abs=4.5 * np.sqrt(0.24 / 4000))


def test_every_element_of_every_pair_is_asked_for_alike():
    X, _, metadata = generate_pair_matching(4000, 12, 30, rng=0)
    shown = X[:, : 2 * metadata["n_pairs"], :30].argmax(axis=2)
    asked = X[:, 2 * metadata["n_pairs"], :30].argmax(axis=1)
    assert_even(np.nonzero(shown == asked[:, None])[1], range(6))
    assert_even(shown, range(30))


def test_stories_have_every_length_agent_and_place_and_takings_at_every_later_step():
    max_facts, n_entities, n_locations = 4, 4, 3
    X, _, _ = generate_babi_simple(6000, max_facts, n_entities, n_locations, rng=0)
    facts, goes = X[:, :-1], n_entities + n_locations
    lengths = facts.any(axis=2).sum(axis=1)
    assert_even(lengths, [2, 3, 4])
    takings = facts[:, :, goes + 1] == 1
    assert_even(facts[:, 0, :n_entities].argmax(axis=1), range(n_entities - 1))
    assert_even(
        facts[facts[:, :, goes] == 1][:, n_entities:goes].argmax(axis=1), range(n_locations)
    )
    assert not takings[:, 0].any() and takings.any(axis=1).all()
    # one fact after the first is sure to be a taking, any other is one with probability 0.3
    for length in (3, 4):
        share = takings[lengths == length][:, 1:length].mean(axis=0)
        sure = 1 / (length - 1)
        np.testing.assert_allclose(share, sure + 0.3 * (1 - sure), atol=0.05)
    two_agents = [story[fact == 1] for story, fact in zip(facts, facts[:, :, goes], strict=True)]
    second = [story[1, :n_entities].argmax() for story in two_agents if len(story) > 1]
    assert_even(second, range(n_entities - 1))  # whoever walks has been somewhere or not


def test_who_takes_the_ball_is_any_of_those_who_are_somewhere():
    X, _, _ = generate_babi_simple(8000, 3, 4, 2, rng=1)
    walked = X[:, :2, 6].all(axis=1) & (X[:, 2, 7] == 1)
    first, second, taker = (X[walked, t, :4].argmax(axis=1) for t in range(3))
    different = first != second
    assert_even((taker == first)[different], [False, True])


def test_every_rank_and_every_vector_is_asked_about_alike_and_coordinates_fill_the_cube():
    k, D = 4, 2
    X, _, _ = generate_nth_farthest(4000, k, D, rng=0)
    assert_even(X[:, 0, D + 2 * k :].argmax(axis=1), range(k))
    assert_even(X[:, 0, D + k : D + 2 * k].argmax(axis=1), range(k))
    assert_even(X[:, 0, D : D + k].argmax(axis=1), range(k))
    labels = X[..., D : D + k].argmax(axis=2)
    reference = X[:, 0, D + k : D + 2 * k].argmax(axis=1)
    assert_even(np.nonzero(labels == reference[:, None])[1], range(k))
    assert_even(np.floor(2 * X[..., :D]), [-2, -1, 0, 1])


def test_defaults_are_those_of_the_docstrings_and_the_settings_are_handed_on():
    expected = {
        generate_object_tracking: {"seq_len": 15, "n_objects": 3, "grid_size": 5},
        generate_pair_matching: {"seq_len": 10, "vocab_size": 20, "n_pairs": 2},
        generate_babi_simple: {"max_facts": 5, "n_entities": 5, "n_locations": 4},
        generate_nth_farthest: {"num_vectors": 8, "vector_size": 16, "n": None},
    }
    for generate, settings_ in expected.items():
        X, y, metadata = generate(rng=0)
        sizes = {"input_dim": X.shape[2], "output_dim": y.shape[1]}
        name = generate.__name__.removeprefix("generate_")
        assert metadata == {"task": name, **settings_, **sizes}
        assert len(X) == len(y) == 1000 and X.dtype == y.dtype == np.float64


def test_the_split_is_a_fifth_for_the_test_in_an_order_that_the_seed_decides():
    X, y = np.zeros((20, 1)), np.arange(20)
    *_, y_train, y_test = create_train_test_split(X, y)
    assert len(y_test) == 4
    np.testing.assert_array_equal(create_train_test_split(X, y, seed=42)[3], y_test)
    assert not np.array_equal(create_train_test_split(X, y, seed=43)[3], y_test)
    assert not np.array_equal(y_train, np.sort(y_train))
    np.testing.assert_array_equal(create_train_test_split(X, y, seed=1, rng=42)[3], y_test)


def test_scaling_is_minmax_by_default_and_uses_all_steps_and_rows():
    X = np.array([[[0.0], [2.0]], [[8.0], [4.0]]])
    np.testing.assert_array_equal(normalize_sequences(X), X / 8)


# --- seeds


@pytest.mark.parametrize("generate", GENERATORS)
def test_rng_alone_decides(generate):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = (generate(9, rng=rng)[:2] for rng in (3, np.random.default_rng(3), 4))
    for a, b, c in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    rng = np.random.default_rng(3)
    assert not np.array_equal(generate(9, rng=rng)[0], generate(9, rng=rng)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


# --- splits and scales


@given(st.integers(2, 60), st.floats(0.01, 0.99), seeds)
def test_a_split_parts_the_rows_and_keeps_pairs_together(num_rows, ratio, seed):
    X = np.arange(6.0 * num_rows).reshape(num_rows, 3, 2)
    y = np.arange(num_rows)
    num_test = int(num_rows * ratio)
    if num_test == 0:
        with pytest.raises(ValueError, match="test_ratio must leave rows for both parts"):
            create_train_test_split(X, y, ratio, rng=seed)
        return
    X_train, X_test, y_train, y_test = create_train_test_split(X, y, ratio, rng=seed)
    assert len(X_test) == len(y_test) == num_test
    assert sorted([*y_train, *y_test]) == list(range(num_rows))
    np.testing.assert_array_equal(X[y_train], X_train)
    np.testing.assert_array_equal(X[y_test], X_test)
    again = create_train_test_split(X, y, ratio, seed)
    np.testing.assert_array_equal(again[3], y_test)  # seed=, by position, says the same as rng=


@given(seeds, st.sampled_from(["minmax", "standard"]))
def test_sequences_are_scaled_by_the_training_data(seed, method):
    rng = np.random.default_rng(seed)
    train, test = rng.normal(3, 5, size=(2, 6, 4, 3))
    train[..., 2] = 7  # a feature that never changes
    scaled = normalize_sequences(train, method).reshape(-1, 3)
    if method == "minmax":
        np.testing.assert_allclose(scaled.min(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(scaled.max(axis=0), [1, 1, 0], atol=1e-12)
    else:
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=1e-12)
    both = normalize_sequences(np.concatenate([train, test]), method, reference=train)
    np.testing.assert_array_equal(both[:6].reshape(-1, 3), scaled)
    np.testing.assert_array_equal(both[6:], normalize_sequences(test, method, reference=train))
    slope = (both[6:] - both[:6]) / (test - train)  # one straight line a feature
    np.testing.assert_allclose(slope, np.broadcast_to(slope[0, 0], slope.shape), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: generate_object_tracking(0), "n_samples must be at least 1, got 0"),
        (lambda: generate_object_tracking(5, 2, 3), "seq_len must be at least 3, got 2"),
        (lambda: generate_object_tracking(grid_size=1), "grid_size must be at least 2, got 1"),
        (lambda: generate_object_tracking(n_objects=0), "n_objects must be at least 1, got 0"),
        (lambda: generate_pair_matching(5, 7), "seq_len must be even, got 7"),
        (lambda: generate_pair_matching(5, 2), "seq_len must be at least 4, got 2"),
        (lambda: generate_pair_matching(5, 12, 5), "vocab_size must be at least 6, got 5"),
        (lambda: generate_babi_simple(5, 1), "max_facts must be at least 2, got 1"),
        (lambda: generate_babi_simple(5, 3, 1), "n_entities must be at least 2, got 1"),
        (lambda: generate_babi_simple(5, 3, 2, 1), "n_locations must be at least 2, got 1"),
        (lambda: generate_nth_farthest(5, 1), "num_vectors must be at least 2, got 1"),
        (lambda: generate_nth_farthest(5, 3, 0), "vector_size must be at least 1, got 0"),
        (lambda: generate_nth_farthest(5, 3, 2, 4), "n must be at most num_vectors = 3, got 4"),
        (lambda: generate_nth_farthest(5, 3, 2, 0), "n must be at least 1, got 0"),
        (lambda: generate_nth_farthest(2.5), "n_samples must be an integer .* got 2.5"),
        (lambda: generate_babi_simple(rng="seed"), "rng, if it is a seed, must be"),
        (lambda: create_train_test_split([1, 2], [1, 2], 1.5), "test_ratio must be .* got 1.5"),
        (lambda: create_train_test_split([1, 2], [1, 2], 1), "leave rows for both parts; 1 of 2"),
        (lambda: create_train_test_split([1, 2], [1]), "equally long, got 2 and 1 rows"),
        (lambda: normalize_sequences(np.ones((2, 3))), r"shape \(B, T, features\)"),
        (lambda: normalize_sequences(np.ones((2, 3, 1)), "z-score"), "'minmax' or 'standard', got"),
        (lambda: normalize_sequences(np.full((2, 3, 1), np.nan)), "X must be finite"),
        (
            lambda: normalize_sequences(np.ones((2, 3, 1)), reference=np.ones((2, 3, 2))),
            r"the same features; got \(2, 3, 1\) and \(2, 3, 2\)",
        ),
    ],
)
def test_worlds_that_cannot_be_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
