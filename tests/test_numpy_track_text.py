"""Characters, streams of text, and a model that carries its state on; the prose that the course ships."""

from pathlib import Path

import numpy as np
import prose
import pytest
from numpy_models import RECURRENT, stirred

from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.text import Alphabet, read_prose, streams, write_text

TEXT = "the cat sat on the mat. "
ALPHABET = Alphabet(TEXT)


# --- characters and streams


def test_a_text_comes_back_from_its_ids():
    ids = ALPHABET.encode(TEXT)
    assert ALPHABET.decode(ids) == TEXT
    assert ids.max() == len(ALPHABET) - 1
    np.testing.assert_array_equal(ALPHABET.one_hot(ids).argmax(axis=-1), ids)
    assert ALPHABET.one_hot(ids[None]).shape == (1, len(TEXT), len(ALPHABET))


@pytest.mark.parametrize("length", [13, 24, 25, 100])
@pytest.mark.parametrize("num_streams, num_steps", [(1, 4), (3, 2), (4, 3)])
def test_streams_read_consecutive_parts_and_ask_for_what_follows(length, num_streams, num_steps):
    ids = np.random.default_rng(0).permutation(length)  # no id twice: a place is known by it
    pieces = list(streams(ids, num_streams, num_steps))
    X, y = (np.concatenate(parts, axis=1) for parts in zip(*pieces, strict=True))
    assert X.shape == (num_streams, len(pieces) * num_steps)
    for r, row in enumerate(X):
        begin = r * ((length - 1) // num_streams)
        np.testing.assert_array_equal(row, ids[begin : begin + len(row)])
        np.testing.assert_array_equal(y[r], ids[begin + 1 : begin + 1 + len(row)])
    assert (length - 1) // num_streams - X.shape[1] < num_steps


# --- carrying the state on


@pytest.mark.parametrize("name", RECURRENT)
def test_reading_in_pieces_with_the_state_carried_on_is_reading_at_once(name):
    model, X = stirred(RECURRENT[name](3)), np.random.default_rng(1).normal(size=(300, 7, 2))
    whole, *end = model.forward(X, return_state=True)
    first, *state = model.forward(X[:, :3], return_state=True)
    rest, *again = model.forward(X[:, 3:], return_state=True, state=state)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), whole, atol=1e-12)
    for part, expected in zip(again, end, strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-12)
    assert not np.allclose(model.forward(X[:, 3:]), rest)  # the state does matter


@pytest.mark.parametrize("name", RECURRENT)
def test_the_gradient_takes_the_state_as_given(name):
    model, rng = stirred(RECURRENT[name](3)), np.random.default_rng(2)
    X, y = rng.normal(size=(4, 5, 2)), rng.dirichlet(np.ones(3), (4, 5))
    _, *state = model.forward(rng.normal(size=(4, 6, 2)), return_state=True)
    kept = [part.copy() for part in state]
    loss, grads, outputs, after = model.loss_and_grads(X, y, state=state, return_state=True)
    predictions, *expected = model.forward(X, return_state=True, state=state)
    np.testing.assert_array_equal(outputs, predictions)
    for part, same in zip([*state, *after], [*kept, *expected], strict=True):
        np.testing.assert_array_equal(part, same)
    params = model.get_params()
    for param, g in grads.items():
        index = np.unravel_index(np.abs(g).argmax(), g.shape)
        losses = []
        for step in (1e-5, -1e-5):
            moved = params[param].copy()
            moved[index] += step
            model.set_params(params | {param: moved})
            losses.append(model.loss_and_grads(X, y, state=state)[0])
        assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(g[index], rel=1e-5, abs=1e-9)
    assert loss > 0


@pytest.mark.parametrize(
    "state, given",
    [
        ((np.zeros((2, 5)),), r"got \(\(2, 5\),\)"),
        ((np.zeros((3, 5)), np.zeros((2, 5))), r"got \(\(3, 5\), \(2, 5\)\)"),
        (np.zeros((2, 2, 5)), "got ndarray"),
    ],
)
def test_a_state_that_does_not_fit_says_what_would(state, given):
    model = LSTM(3, 5, 2, rng=0)
    for call in (model.forward, lambda X, **kw: model.loss_and_grads(X, [0, 1], **kw)):
        with pytest.raises(ValueError, match=rf"shapes \(\(2, 5\), \(2, 5\)\).*{given}"):
            call(np.zeros((2, 4, 3)), state=state)
    with pytest.raises(ValueError, match="state"):
        model.forward(np.zeros((1, 4, 3)), state=(np.full((1, 5), np.nan), np.zeros((1, 5))))


# --- writing


class Parrot:
    """Always sure of the character that follows in TEXT; its state is the place."""

    def forward(self, X, return_sequences, return_state, state=None):
        at = (state[0] if state else 0) + X.shape[1]
        logits = 50.0 * ALPHABET.one_hot(ALPHABET.encode(TEXT[at % len(TEXT)]))
        return logits, at


def test_what_is_written_is_read_and_the_place_is_kept():
    assert write_text(Parrot(), ALPHABET, "the c", 40, 1.0, rng=0) == (TEXT * 2)[:45]


def test_temperature_divides_the_logits():
    class TwoToOne:
        def forward(self, X, **_):
            return np.log([[2.0, 1.0]]), 0

    alphabet = Alphabet("ab")
    for temperature in (0.5, 1.0, 2.0):
        written = write_text(TwoToOne(), alphabet, "a", 4000, temperature, rng=0)[1:]
        odds = 2 ** (1 / temperature)
        assert written.count("a") / 4000 == pytest.approx(odds / (1 + odds), abs=0.03)
    assert "b" not in write_text(TwoToOne(), alphabet, "a", 500, 0.01, rng=0)


def test_a_generator_with_a_seed_writes_the_same_again():
    model = LSTM(len(ALPHABET), 4, len(ALPHABET), rng=0)
    texts = [write_text(model, ALPHABET, "the", 30, rng=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Alphabet("aaa"), "two different characters"),
        (lambda: ALPHABET.encode("the dog"), "lacks 'd', 'g'"),
        (lambda: streams(np.arange(9), 3, 3), "need 10 characters, got 9"),
        (lambda: streams(np.arange(9), 0, 3), "num_streams must be at least 1"),
        (lambda: write_text(Parrot(), ALPHABET, "", 3), "opening"),
        (lambda: write_text(Parrot(), ALPHABET, "t", 3, 0.0), "temperature must be .* above 0"),
    ],
)
def test_what_makes_no_sense_says_so_at_the_call(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the prose


def test_the_prose_is_english_and_most_of_it_stands_in_the_lessons():
    """Fails once the lessons have moved on: then `python tools/prose.py`, and build numpy_lstm again."""
    shipped = {
        sentence
        for line in read_prose().splitlines()
        for sentence in prose.SENTENCE_END.split(line)
    }
    written = {s for paragraph in prose.prose_of(prose.ROOT / "lessons") for s in paragraph}
    assert len(shipped) > 1000
    assert len(shipped & written) > 0.6 * len(shipped)
    assert set(read_prose()) <= set(map(chr, range(32, 127))) | {"\n"}


def test_prose_is_the_plain_sentences_that_students_read(tmp_path: Path):
    cell = '# %% [markdown] lang="{}"{}\n{}\n\n'
    note = ' slideshow={"slide_type": "notes"}'
    body = "# # Title\n#\n# A **plain** sentence with “quotes”. It has $x$ in it, this one. Another plain one here."
    lesson = (
        cell.format("zh-TW", ' about="x"', "# # 標題")
        + cell.format("en", ' about="x"', body)
        + cell.format("en", note, "# A note for the instructor only.")
        + cell.format(
            "en", "", "# **Claim 1** A claim that is plain as well.\n#\n# Another plain one here."
        )
    )
    (tmp_path / "00_some_lesson.py").write_text(lesson, encoding="utf-8")
    assert prose.prose_of(tmp_path) == [
        ["A plain sentence with 'quotes'.", "Another plain one here."],
        ["A claim that is plain as well."],
    ]
