"""Text for a net that reads and writes character by character.

``prose.txt`` beside this file is English prose, most of that of this course's lessons; ``tools/prose.py``
made it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from course_utils.numpy_track.checks import check_count, check_number, check_rng
from course_utils.numpy_track.losses import softmax
from course_utils.numpy_track.recurrent_model import RecurrentModel

PROSE = Path(__file__).with_name("prose.txt")


def read_prose() -> str:
    """The course's English prose: plain sentences, a paragraph a line."""
    return PROSE.read_text(encoding="utf-8")


class Alphabet:
    """The different characters of a text, in the order of their code points; an id is a place in it.

    >>> Alphabet("abracadabra").encode("cab").tolist()
    [2, 0, 1]
    """

    def __init__(self, text: str) -> None:
        if len(set(text)) < 2:
            raise ValueError(f"text must have two different characters or more, got {text!r}")
        self.characters = "".join(sorted(set(text)))
        self._ids = {character: i for i, character in enumerate(self.characters)}
        self._one_hot = np.eye(len(self.characters), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text, (N,). Raises ValueError on a character that is not in the alphabet."""
        if unknown := sorted(set(text) - set(self._ids)):
            raise ValueError(
                f"the alphabet lacks {', '.join(map(repr, unknown))}; it has {self.characters!r}"
            )
        return np.array([self._ids[character] for character in text], dtype=int)

    def decode(self, ids: np.ndarray) -> str:
        """The text of ids (N,), each in [0, len(alphabet))."""
        return "".join(self.characters[i] for i in ids)

    def one_hot(self, ids: np.ndarray) -> np.ndarray:
        """(..., len(alphabet)), float32: 1 at the id and 0 elsewhere."""
        return self._one_hot[ids]


def streams(
    ids: np.ndarray, num_streams: int, num_steps: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pieces (X, y), each (num_streams, num_steps), of a text that is read in parallel.

    Row r of all pieces, one after another, is the r-th of equally long parts of the text; y holds the
    characters that follow those of X. What does not fill a piece at the end of a part is left out.
    Raises ValueError at the call if not even one piece can be filled.

    >>> [X.tolist() for X, _ in streams(np.arange(9), num_streams=2, num_steps=2)]
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    """
    rows = check_count("num_streams", num_streams)
    num_pieces = (len(ids) - 1) // rows // check_count("num_steps", num_steps)
    if num_pieces == 0:
        raise ValueError(
            f"{rows} streams of at least {num_steps} steps need {rows * num_steps + 1} characters, "
            f"got {len(ids)}"
        )
    return _pieces(ids, rows, num_steps, num_pieces)


def _pieces(
    ids: np.ndarray, rows: int, num_steps: int, num_pieces: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    first = (len(ids) - 1) // rows * np.arange(rows)[:, None]
    for piece in range(num_pieces):
        at = first + np.arange(piece * num_steps, (piece + 1) * num_steps)
        yield ids[at], ids[at + 1]


def write_text(
    model: RecurrentModel,
    alphabet: Alphabet,
    opening: str,
    num_characters: int,
    temperature: float = 1.0,
    *,
    rng: np.random.Generator | int | None = None,
) -> str:
    """The opening, and what a model goes on to write: each character is drawn, then read like the rest.

    Args:
        model: reads one-hot characters, puts out a logit for each character of the alphabet.
        alphabet: the one the model was trained with.
        opening: at least one character.
        num_characters: how many are to follow.
        temperature: above 0; probabilities are softmax(logits / temperature): below 1 the likely ones
            gain, above 1 the rare ones.
        rng: a generator or a seed.
    """
    if not opening:
        raise ValueError("opening must have at least one character, got ''")
    check_number("temperature", temperature, low=0, low_open=True)
    rng, state = check_rng(rng), None
    ids = alphabet.encode(opening)
    written = []
    for _ in range(check_count("num_characters", num_characters)):
        logits, *state = model.forward(
            alphabet.one_hot(ids)[None], return_sequences=False, return_state=True, state=state
        )
        probs = softmax(logits[0].astype(float) / temperature)
        ids = rng.choice(len(alphabet), size=1, p=probs)
        written.append(int(ids[0]))
    return opening + alphabet.decode(np.array(written))
