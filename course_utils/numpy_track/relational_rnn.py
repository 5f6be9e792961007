"""The Relational RNN: a memory whose slots attend to each other, read by one hidden layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_utils.numpy_track.buffers import Buffers
from course_utils.numpy_track.checks import check_count, check_rng
from course_utils.numpy_track.initializers import xavier_initializer
from course_utils.numpy_track.model_interface import Params
from course_utils.numpy_track.parameters import Parameterized
from course_utils.numpy_track.recurrent_model import RecurrentModel, State
from course_utils.numpy_track.relational_memory import RelationalMemory
from course_utils.numpy_track.relational_memory_backward import MemoryTape
from course_utils.numpy_track.relu_layer import ReluLayer

__all__ = ["RelationalMemory", "RelationalRNN", "RelationalRNNCell"]


class RelationalRNNCell(Parameterized):
    """One step: the memory is updated, then h = relu(M W_h + b_h), with M flattened to N·D numbers.

    Args:
        input_size: numbers per step of the input.
        hidden_size: width of h.
        num_slots: this and what follows, as for RelationalMemory, which is the attribute ``core``.
        slot_size: as there.
        num_heads: as there.
        gate: as there.
        key_size: as there.
        rng: a generator or a seed.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_slots: int = 4,
        slot_size: int = 64,
        num_heads: int = 2,
        *,
        gate: str = "unit",
        key_size: int | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        rng = check_rng(rng)
        check_count("input_size", input_size)
        self.hidden_size = check_count("hidden_size", hidden_size)
        self.core = RelationalMemory(
            num_slots, slot_size, num_heads, input_size, gate=gate, key_size=key_size, rng=rng
        )
        self.layer = ReluLayer(num_slots * slot_size, hidden_size, rng)
        super().__init__({}, self.core, self.layer)

    def forward(self, x: Any, memory: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """(h (B, hidden_size), new memory (B, N, D)) from x (B, I) and the memory; None: the initial one."""
        memory = self.core.forward(x, memory)
        return self.layer.forward(memory.reshape(len(memory), -1)), memory


@dataclass
class _Tape:
    """What the backward pass needs of a forward pass."""

    X: np.ndarray  # (T, B, I)
    core: MemoryTape
    flat: np.ndarray = field(init=False)  # (S, B, N D), the memories of the last S steps
    hidden: np.ndarray = field(init=False)  # (S, B, H), what the layer makes of them


class RelationalRNN(RecurrentModel[_Tape]):
    """RelationalRNNCell over a sequence, then a linear output layer, with exact gradients.

    The state of ``forward(..., return_state=True)`` is the memory (B, N, D).

    Args:
        input_size: numbers per step of the input.
        hidden_size: width of the hidden vector.
        output_size: O, width of the output.
        num_slots: N; this and what follows, as for RelationalMemory.
        slot_size: D.
        num_heads: as there.
        gate: as there.
        key_size: as there.
        rng: a generator or a seed.

    >>> model = RelationalRNN(3, 8, 5, num_slots=2, slot_size=4, num_heads=2, rng=0)
    >>> model.forward(np.zeros((2, 7, 3)), return_sequences=False).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        num_slots: int = 4,
        slot_size: int = 64,
        num_heads: int = 2,
        *,
        gate: str = "unit",
        key_size: int | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        rng = check_rng(rng)
        self.output_size = check_count("output_size", output_size)
        self.cell = RelationalRNNCell(
            input_size,
            hidden_size,
            num_slots,
            slot_size,
            num_heads,
            gate=gate,
            key_size=key_size,
            rng=rng,
        )
        self.input_size, self.hidden_size = self.cell.core.input_size, self.cell.hidden_size
        W_out = xavier_initializer((hidden_size, output_size), rng=rng)
        super().__init__({"W_out": W_out, "b_out": np.zeros(output_size)}, self.cell)
        self._buffers = Buffers()

    @np.errstate(over="ignore", invalid="ignore")
    def attention_maps(self, sequence: Any) -> np.ndarray:
        """What each slot looked at: (B, T, H, N, N + 1), rows that sum to 1; the last key is the input."""
        tape = self.cell.core.unroll(self._time_first(sequence))
        return tape.weights.swapaxes(0, 1).copy()

    def _unroll(self, X: np.ndarray, state: State | None = None) -> _Tape:
        return _Tape(X, self.cell.core.unroll(X, *(state or ())))

    def _hidden(self, tape: _Tape, num_last: int) -> np.ndarray:
        memory = tape.core.memory[-num_last:]
        T, N, B, D = memory.shape
        tape.flat = memory.swapaxes(1, 2).reshape(T, B, N * D)
        tape.hidden = self.cell.layer.forward(tape.flat)
        return tape.hidden

    def _state(self, tape: _Tape) -> State:
        return (tape.core.memory[-1].swapaxes(0, 1),)

    def _state_shapes(self, batch_size: int) -> tuple[tuple[int, ...], ...]:
        return ((batch_size, self.cell.core.num_slots, self.cell.core.slot_size),)

    def _backprop(self, tape: _Tape, d_hidden: np.ndarray) -> Params:
        core, layer = self.cell.core, self.cell.layer
        d_flat, grads = layer.backward(tape.flat, tape.hidden, d_hidden)
        d_memories = d_flat.reshape(*d_flat.shape[:2], core.num_slots, core.slot_size)
        return grads | core.backprop(tape.X, tape.core, d_memories.swapaxes(1, 2), self._buffers)
