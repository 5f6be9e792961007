"""The LSTM (Hochreiter and Schmidhuber 1997; with forget gate: Gers et al. 2000), and its backward pass.

At each step, from the input x and the previous hidden vector h:

    f = σ(x W_f + h U_f + b_f)        what to keep of the cell
    i = σ(x W_i + h U_i + b_i)        what to write into it
    g = tanh(x W_c + h U_c + b_c)     what there is to write
    o = σ(x W_o + h U_o + b_o)        what to show of it
    c ← f ⊙ c + i ⊙ g
    h ← o ⊙ tanh(c)

The four products are one: [h, x, 1] times the matrices [U; W; b] of all gates, stacked.
"""

from dataclasses import dataclass, field

import numpy as np

from course_utils.numpy_track.buffers import Buffers
from course_utils.numpy_track.checks import check_count, check_number, check_rng
from course_utils.numpy_track.initializers import orthogonal_initializer, xavier_initializer
from course_utils.numpy_track.model_interface import Params
from course_utils.numpy_track.recurrent_model import RecurrentModel, State
from course_utils.numpy_track.relu_layer import ReluLayer

__all__ = ["LSTM", "orthogonal_initializer", "xavier_initializer"]

#: The order in the stack: the first three are sigmoids, the last three act through the cell.
STACKED_GATES = "ofic"


@dataclass
class _Tape:
    """What the backward pass needs of a forward pass."""

    stack: np.ndarray  # (4, H + D + 1, H), [U; W; b] of each gate
    U_transposed: np.ndarray  # (4, H, H)
    rows: np.ndarray  # (T + 1, B, H + D + 1), [h, x, 1] of each step
    gates: np.ndarray  # (T, 4, B, H)
    cells: np.ndarray  # (T + 1, B, H)
    tanh_cells: np.ndarray  # (T, B, H)
    h: np.ndarray = field(init=False)  # (S, B, H) of the last S steps
    #: (S, B, readout_size), what the layer before the output makes of h
    read: np.ndarray = field(init=False)


class LSTM(RecurrentModel[_Tape]):
    """An LSTM layer and a linear output layer, with exact gradients.

    Parameters: W_f, W_i, W_c, W_o (D, H); U_* (H, H); b_* (H,); W_out (H, O); b_out (O,). W are Xavier,
    U orthogonal, biases 0, but for b_f. The state of ``forward(..., return_state=True)`` is h and c, both
    (B, H).

    Args:
        input_size: D, numbers per step of the input.
        hidden_size: H, width of the hidden and the cell vector.
        output_size: O; without it the outputs are the hidden vectors themselves.
        forget_bias: where b_f begins: with 1 the cell keeps most of its content from the start
            (Jozefowicz, Zaremba and Sutskever 2015, "An empirical exploration of recurrent network
            architectures").
        readout_size: width of a layer relu(h W_h + b_h) before the output, as a Relational RNN has one;
            none if None.
        rng: a generator or a seed.

    >>> LSTM(3, 8, 5, rng=0).forward(np.zeros((2, 7, 3))).shape
    (2, 7, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        forget_bias: float = 1.0,
        readout_size: int | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.input_size = check_count("input_size", input_size)
        self.hidden_size = check_count("hidden_size", hidden_size)
        check_number("forget_bias", forget_bias)
        rng = check_rng(rng)
        params = {}
        for gate in "fico":
            params[f"W_{gate}"] = xavier_initializer((input_size, hidden_size), rng=rng)
            params[f"U_{gate}"] = orthogonal_initializer((hidden_size, hidden_size), rng=rng)
            params[f"b_{gate}"] = np.full(hidden_size, forget_bias if gate == "f" else 0.0)
        width, self.layer = hidden_size, None
        if readout_size is not None:
            width = check_count("readout_size", readout_size)
            self.layer = ReluLayer(hidden_size, width, rng)
        self.output_size = width
        if output_size is not None:
            self.output_size = check_count("output_size", output_size)
            params["W_out"] = xavier_initializer((width, output_size), rng=rng)
            params["b_out"] = np.zeros(output_size)
        super().__init__(params, *[self.layer] if self.layer else [])
        self._buffers = Buffers()

    def _unroll(self, X: np.ndarray, state: State | None = None) -> _Tape:
        (T, B, D), H = X.shape, self.hidden_size
        arrays = self._buffers(
            self.dtype,
            stack=(4, H + D + 1, H),
            U_transposed=(4, H, H),
            rows=(T + 1, B, H + D + 1),
            gates=(T, 4, B, H),
            cells=(T + 1, B, H),
            tanh_cells=(T, B, H),
        )
        tape = _Tape(**arrays)
        for name, block in self._blocks(tape.stack).items():
            block[...] = self._params[name]
        tape.U_transposed[...] = tape.stack[:, :H].mT
        np.negative(tape.stack[:3], out=tape.stack[:3])  # for σ(a) = 1 / (1 + exp(-a))
        hidden = tape.rows[:, :, :H]
        hidden[0], tape.cells[0] = (0, 0) if state is None else state
        tape.rows[:T, :, H:-1], tape.rows[:T, :, -1] = X, 1
        for t in range(T):
            gates = tape.gates[t]
            np.matmul(tape.rows[t], tape.stack, out=gates)
            sigmoids, g = gates[:3], gates[3]
            np.exp(sigmoids, out=sigmoids)  # where it overflows, σ is 0
            sigmoids += 1
            np.reciprocal(sigmoids, out=sigmoids)
            np.tanh(g, out=g)
            o, f, i = sigmoids
            c, tanh_c = tape.cells[t + 1], tape.tanh_cells[t]
            np.multiply(f, tape.cells[t], out=c)
            c += i * g
            np.tanh(c, out=tanh_c)
            np.multiply(o, tanh_c, out=hidden[t + 1])
        return tape

    def _hidden(self, tape: _Tape, num_last: int) -> np.ndarray:
        tape.h = tape.rows[-num_last:, :, : self.hidden_size]
        tape.read = self.layer.forward(tape.h) if self.layer else tape.h
        return tape.read

    def _state(self, tape: _Tape) -> State:
        return tape.rows[-1, :, : self.hidden_size], tape.cells[-1]

    def _state_shapes(self, batch_size: int) -> tuple[tuple[int, ...], ...]:
        return ((batch_size, self.hidden_size),) * 2

    def _backprop(self, tape: _Tape, d_hidden: np.ndarray) -> Params:
        T, B, H = tape.tanh_cells.shape
        grads: Params = {}
        if self.layer:
            d_hidden, grads = self.layer.backward(tape.h, tape.read, d_hidden)
        d_gates, h_per_c = self._slopes(tape)  # tape.tanh_cells is overwritten
        d_h, d_c, change = np.zeros((3, B, H), self.dtype)
        for t in reversed(range(T)):
            if T - t <= len(d_hidden):
                d_h += d_hidden[t - T]
            np.multiply(d_h, h_per_c[t], out=change)
            d_c += change
            d_o, d_fig = d_gates[0, t], d_gates[1:, t]
            d_o *= d_h
            d_fig *= d_c
            d_c *= tape.gates[t, 1]
            np.add.reduce(d_gates[:, t] @ tape.U_transposed, axis=0, out=d_h)
        rows = tape.rows[:T].reshape(T * B, -1)
        return grads | self._blocks(rows.T @ d_gates.reshape(4, T * B, H))

    def _slopes(self, tape: _Tape) -> tuple[np.ndarray, np.ndarray]:
        """What does not depend on later steps, for all steps at once.

        First (4, T, B, H), ∂h/∂a of o and ∂c/∂a of f, i, g, where a is what goes into σ or tanh; then
        ∂h/∂c (T, B, H), in the place of ``tape.tanh_cells``. With σ' = σ (1 - σ) and tanh' = 1 - tanh².
        """
        gates = tape.gates.swapaxes(0, 1)
        slopes = self._buffers(self.dtype, slopes=gates.shape)["slopes"]
        o, _, i, g = gates
        slope_o, slope_f, slope_i, slope_g = slopes
        sigmoids, sigmoid_slopes = gates[:3], slopes[:3]
        np.subtract(1, sigmoids, out=sigmoid_slopes)
        sigmoid_slopes *= sigmoids
        slope_o *= tape.tanh_cells
        slope_f *= tape.cells[:-1]
        slope_i *= g
        np.multiply(g, g, out=slope_g)
        np.subtract(1, slope_g, out=slope_g)
        slope_g *= i
        h_per_c = tape.tanh_cells
        np.multiply(h_per_c, h_per_c, out=h_per_c)
        np.subtract(1, h_per_c, out=h_per_c)
        h_per_c *= o
        return slopes, h_per_c

    def _blocks(self, stack: np.ndarray) -> Params:
        """The parameters, or their gradients, as views into their stack (4, H + D + 1, H)."""
        H = self.hidden_size
        blocks: Params = {}
        for gate, matrix in zip(STACKED_GATES, stack, strict=True):
            blocks |= {f"U_{gate}": matrix[:H], f"W_{gate}": matrix[H:-1], f"b_{gate}": matrix[-1]}
        return blocks
