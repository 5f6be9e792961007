"""Small worlds that take memory to answer: a sequence goes in, a question comes last.

Each generator returns ``(X, y, metadata)``: X (n_samples, steps, input_dim), y (n_samples, output_dim),
both float64, and a dict with the settings, ``input_dim`` and ``output_dim``. Answers are one-hot rows
(``y.argmax(axis=1)`` gives class ids), but for object tracking, where they are positions. Every sequence
holds what it takes to answer. rng: a generator or a seed.
"""

from typing import Any

import numpy as np

from course_utils.numpy_track.checks import (
    as_array,
    as_floats,
    check_count,
    check_number,
    check_rng,
)

Task = tuple[np.ndarray, np.ndarray, dict[str, Any]]
Rng = np.random.Generator | int | None


def generate_object_tracking(
    n_samples: int = 1000,
    seq_len: int = 15,
    n_objects: int = 3,
    grid_size: int = 5,
    *,
    rng: Rng = None,
) -> Task:
    """Objects walk on a grid; where is this one now? X: (n, seq_len + 1, n_objects + 2), y: (n, 2).

    Each step shows one object (one-hot) and its position (x, y), divided by ``grid_size``. The first
    ``n_objects`` steps show every object once, in random order; after that a random object moves by one
    square in a random direction, stays, or stays because a wall is there. The last step names an
    object without its position, which is the answer. seq_len is at least n_objects.
    """
    check_count("n_samples", n_samples)
    check_count("n_objects", n_objects)
    check_count("grid_size", grid_size, at_least=2)
    check_count("seq_len", seq_len, at_least=n_objects)
    rng = check_rng(rng)
    everyone = np.arange(n_samples)
    position = rng.integers(0, grid_size, size=(n_samples, n_objects, 2))
    order = _shuffled(n_samples, n_objects, rng)
    directions = np.array([(0, 1), (0, -1), (-1, 0), (1, 0), (0, 0)])
    X = np.zeros((n_samples, seq_len + 1, n_objects + 2))
    for t in range(seq_len):
        if t < n_objects:
            shown = order[:, t]
        else:
            shown = rng.integers(0, n_objects, size=n_samples)
            moved = position[everyone, shown] + directions[rng.integers(0, 5, size=n_samples)]
            position[everyone, shown] = np.clip(moved, 0, grid_size - 1)
        X[everyone, t, shown] = 1
        X[:, t, n_objects:] = position[everyone, shown] / grid_size
    asked = rng.integers(0, n_objects, size=n_samples)
    X[everyone, seq_len, asked] = 1
    y = position[everyone, asked] / grid_size
    settings = {"seq_len": seq_len, "n_objects": n_objects, "grid_size": grid_size}
    return X, y, _metadata("object_tracking", X, y, **settings)


def generate_pair_matching(
    n_samples: int = 1000, seq_len: int = 10, vocab_size: int = 20, *, rng: Rng = None
) -> Task:
    """Pairs are shown, then one of a pair: who was the other? X: (n, seq_len, vocab_size + 1).

    seq_len // 4 pairs of different elements, an element a step (one-hot); then an element of a random
    pair with the last feature set, which marks the question; then empty steps up to ``seq_len``.
    y: its partner, (n, vocab_size). seq_len is even and at least 4.
    """
    check_count("n_samples", n_samples)
    if check_count("seq_len", seq_len, at_least=4) % 2:
        raise ValueError(f"seq_len must be even, got {seq_len}")
    n_pairs = seq_len // 4
    check_count("vocab_size", vocab_size, at_least=2 * n_pairs)
    rng = check_rng(rng)
    everyone = np.arange(n_samples)
    shown = _shuffled(n_samples, vocab_size, rng)[:, : 2 * n_pairs]
    X = np.zeros((n_samples, seq_len, vocab_size + 1))
    X[everyone[:, None], np.arange(2 * n_pairs), shown] = 1
    asked = rng.integers(0, 2 * n_pairs, size=n_samples)
    X[everyone, 2 * n_pairs, shown[everyone, asked]] = 1
    X[:, 2 * n_pairs, vocab_size] = 1
    partner = asked ^ 1  # 0 and 1 are a pair, 2 and 3, ...
    y = np.eye(vocab_size)[shown[everyone, partner]]
    settings = {"seq_len": seq_len, "vocab_size": vocab_size, "n_pairs": n_pairs}
    return X, y, _metadata("pair_matching", X, y, **settings)


def generate_babi_simple(
    n_samples: int = 1000,
    max_facts: int = 5,
    n_entities: int = 5,
    n_locations: int = 4,
    *,
    rng: Rng = None,
) -> Task:
    """People walk about and take a ball; where is the ball?

    After bAbI: Weston et al. 2015, "Towards AI-complete question answering: a set of prerequisite toy
    tasks", arXiv:1502.05698.

    X: (n, max_facts + 1, n_entities + n_locations + 3). A fact is an entity (one-hot), a location
    (one-hot) and a kind: [1, 0] "goes to" the location, [0, 1] "takes the ball". The last entity is the
    ball itself. Of 2 to ``max_facts`` facts at least one is a taking; only who is somewhere can take,
    and the last to take the ball has it and carries it along. Empty steps follow; the last step asks, with the ball's one-hot
    and the last feature set. y: the ball's location, (n, n_locations).
    """
    check_count("n_samples", n_samples)
    check_count("max_facts", max_facts, at_least=2)
    n_agents = check_count("n_entities", n_entities, at_least=2) - 1
    check_count("n_locations", n_locations, at_least=2)
    rng = check_rng(rng)
    goes, takes, question = n_entities + n_locations + np.arange(3)
    n_facts = rng.integers(2, max_facts + 1, size=n_samples)
    sure_to_take = rng.integers(1, n_facts)  # in every story, one fact after the first
    place = np.full((n_samples, n_agents), -1)
    holder = np.full(n_samples, -1)
    X = np.zeros((n_samples, max_facts + 1, question + 1))
    for t in range(max_facts):
        told = t < n_facts
        taking = told & (t > 0) & ((t == sure_to_take) | (rng.random(n_samples) < 0.3))
        walking = told & ~taking
        # A random agent, but who takes must be somewhere: unknown whereabouts sort last.
        lot = rng.random((n_samples, n_agents)) + (taking[:, None] & (place < 0))
        agent = lot.argmin(axis=1)
        location = rng.integers(0, n_locations, size=n_samples)
        place[walking, agent[walking]] = location[walking]
        holder[taking] = agent[taking]
        X[told, t, agent[told]] = 1
        X[walking, t, n_entities + location[walking]] = 1
        X[walking, t, goes] = 1
        X[taking, t, takes] = 1
    X[:, max_facts, n_entities - 1] = 1
    X[:, max_facts, question] = 1
    y = np.eye(n_locations)[place[np.arange(n_samples), holder]]
    settings = {"max_facts": max_facts, "n_entities": n_entities, "n_locations": n_locations}
    return X, y, _metadata("babi_simple", X, y, **settings)


def generate_nth_farthest(
    n_samples: int = 1000,
    num_vectors: int = 8,
    vector_size: int = 16,
    n: int | None = None,
    *,
    rng: Rng = None,
) -> Task:
    """Which of k vectors is the n-th farthest from vector m? (Santoro et al. 2018, section 4.1.)

    X: (n_samples, k, D + 3 k). A step shows a vector, uniform in [-1, 1]^D, and three one-hots: its
    label, the label m, the rank n; labels come in random order. y: the label asked for, (n_samples, k).
    n: 1 asks for the farthest, k for the nearest, which is m itself; None draws it anew for each
    sequence.
    """
    check_count("n_samples", n_samples)
    k = check_count("num_vectors", num_vectors, at_least=2)
    D = check_count("vector_size", vector_size)
    if n is not None and check_count("n", n) > k:
        raise ValueError(f"n must be at most num_vectors = {k}, got {n}")
    rng = check_rng(rng)
    everyone, eye = np.arange(n_samples), np.eye(k)
    vectors = rng.uniform(-1, 1, size=(n_samples, k, D))
    labels = _shuffled(n_samples, k, rng)
    reference = rng.integers(0, k, size=n_samples)  # its step; its label is m
    ranks = rng.integers(1, k + 1, size=n_samples) if n is None else np.full(n_samples, n)
    X = np.empty((n_samples, k, D + 3 * k))
    X[..., :D] = vectors
    X[..., D : D + k] = eye[labels]
    X[..., D + k : D + 2 * k] = eye[labels[everyone, reference]][:, None]
    X[..., D + 2 * k :] = eye[ranks - 1][:, None]
    gaps = vectors - vectors[everyone, reference][:, None]
    farthest_first = np.argsort(-(gaps**2).sum(axis=2), axis=1, kind="stable")
    y = eye[labels[everyone, farthest_first[everyone, ranks - 1]]]
    settings = {"num_vectors": k, "vector_size": D, "n": n}
    return X, y, _metadata("nth_farthest", X, y, **settings)


def nth_farthest_shortcuts(X: np.ndarray, metadata: dict[str, Any]) -> dict[str, np.ndarray]:
    """Labels (n_samples,) that simple rules answer, by the rule's name: what a model has to beat.

    "smallest dot product" with the reference, "largest norm" of the others, "the reference itself".
    """
    k, D = metadata["num_vectors"], metadata["vector_size"]
    vectors, labels = X[..., :D], X[..., D : D + k].argmax(axis=2)
    is_reference = labels == X[..., D + k : D + 2 * k].argmax(axis=2)
    reference = vectors[is_reference]
    dot = np.einsum("nkd,nd->nk", vectors, reference)
    norm = (vectors**2).sum(axis=2)
    steps = {
        "smallest dot product": np.where(is_reference, np.inf, dot).argmin(axis=1),
        "largest norm": np.where(is_reference, -np.inf, norm).argmax(axis=1),
        "the reference itself": is_reference.argmax(axis=1),
    }
    return {name: labels[np.arange(len(X)), step] for name, step in steps.items()}


def create_train_test_split(
    X: Any, y: Any, test_ratio: float = 0.2, seed: int = 42, *, rng: Rng = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(X_train, X_test, y_train, y_test): rows in random order.

    Raises ValueError if one of the two parts would be empty.

    Args:
        X: (N, ...).
        y: (N, ...).
        test_ratio: the share of rows for the test, in [0, 1].
        seed: of the order.
        rng: a generator or seed that takes the place of ``seed``.
    """
    X, y = as_array("X", X), as_array("y", y)
    check_number("test_ratio", test_ratio, 0, 1)
    if len(X) != len(y):
        raise ValueError(f"X and y must be equally long, got {len(X)} and {len(y)} rows")
    num_test = int(len(X) * test_ratio)
    if not 0 < num_test < len(X):
        raise ValueError(
            f"test_ratio must leave rows for both parts; {test_ratio} of {len(X)} rows is {num_test}"
        )
    order = check_rng(seed if rng is None else rng).permutation(len(X))
    test, train = order[:num_test], order[num_test:]
    return X[train], X[test], y[train], y[test]


def normalize_sequences(X: Any, method: str = "minmax", *, reference: Any = None) -> np.ndarray:
    """Every feature moved and scaled. A feature that never changes is moved only.

    Args:
        X: (B, T, features).
        method: "minmax", to [0, 1], or "standard", to mean 0 and standard deviation 1.
        reference: the training data, whose statistics are used; X itself if None.

    >>> normalize_sequences([[[2.0], [4.0], [3.0]]]).ravel().tolist()
    [0.0, 1.0, 0.5]
    """
    X = as_floats("X", X)
    reference = X if reference is None else as_floats("reference", reference)
    if X.ndim != 3 or reference.ndim != 3 or X.shape[2] != reference.shape[2]:
        raise ValueError(
            "X and reference must have shape (B, T, features), with the same features; got "
            f"{X.shape} and {reference.shape}"
        )
    if method == "minmax":
        center = reference.min(axis=(0, 1))
        scale = reference.max(axis=(0, 1)) - center
    elif method == "standard":
        center, scale = reference.mean(axis=(0, 1)), reference.std(axis=(0, 1))
    else:
        raise ValueError(f"method must be 'minmax' or 'standard', got {method!r}")
    return (X - center) / np.where(scale > 0, scale, 1)


def _shuffled(n_samples: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(n_samples, size): a random order of 0 ... size - 1 in each row."""
    return rng.permuted(np.tile(np.arange(size), (n_samples, 1)), axis=1)


def _metadata(task: str, X: np.ndarray, y: np.ndarray, **settings: Any) -> dict[str, Any]:
    return {"task": task, **settings, "input_dim": X.shape[2], "output_dim": y.shape[1]}
