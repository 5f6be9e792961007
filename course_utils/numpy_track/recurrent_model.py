"""What LSTM and Relational RNN share: input checks, output layer, and where back-propagation begins."""

from typing import Any, Generic, TypeVar

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, as_floats
from course_utils.numpy_track.losses import loss_and_output_grad, targets_are_sequences
from course_utils.numpy_track.model_interface import Params
from course_utils.numpy_track.parameters import Parameterized

#: So many sequences go through ``forward`` at a time: the arrays of all steps then stay small.
CHUNK = 256

#: What a subclass keeps of a forward pass for the backward pass.
Tape = TypeVar("Tape")
#: What is carried from step to step, batch first.
State = tuple[np.ndarray, ...]


class RecurrentModel(Parameterized, Generic[Tape]):
    """A net that reads a sequence step by step; y_t = h_t W_out + b_out at every step.

    Subclasses say how the hidden vectors h (T, B, H) come about, in five methods: ``_unroll``,
    ``_hidden``, ``_state``, ``_state_shapes`` and ``_backprop``. Inside, time comes first: X[t] is a
    step. One model object serves one thread at a time.

    A state is a tuple of arrays, batch first. A long sequence may be read in pieces: what one call
    returns as its state, the next one begins with. Gradients stop where a piece begins (truncated
    back-propagation through time; Williams and Peng 1990, "An efficient gradient-based algorithm for
    on-line training of recurrent network trajectories", Neural Computation 2(4)).
    """

    input_size: int
    output_size: int

    @np.errstate(over="ignore", invalid="ignore")
    def forward(
        self,
        sequence: Any,
        return_sequences: bool = True,
        return_state: bool = False,
        *,
        state: Any = None,
    ) -> Any:
        """Outputs (B, T, O) of every step, or (B, O) of the last one.

        Raises ValueError on any other input, and if numbers leave the range of the dtype.

        Args:
            sequence: (B, T, input_size), finite numbers.
            return_sequences: whether every step is wanted.
            return_state: return a tuple instead, the outputs and then the state after the last step.
            state: where to begin, a tuple of the arrays that ``return_state`` gave; the model's own
                beginning if None.
        """
        X = self._time_first(sequence)
        state = self._checked_state(state, X.shape[1])
        chunks = []
        for start in range(0, X.shape[1], CHUNK):
            rows = slice(start, start + CHUNK)
            tape = self._unroll(X[:, rows], state and tuple(part[rows] for part in state))
            hidden = self._hidden(tape, len(X) if return_sequences else 1)
            outputs = self._outputs(hidden).swapaxes(0, 1)
            found = (outputs if return_sequences else outputs[:, 0], *self._state(tape))
            chunks.append([part.copy() for part in found])  # the next chunk uses the tape again
        outputs, *after = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        if not np.isfinite(outputs).all():
            raise NonFiniteError(
                f"the outputs left the range of {self.dtype}; normalize the inputs, or lower the "
                "learning rate"
            )
        return (outputs, *after) if return_state else outputs

    @np.errstate(over="ignore", invalid="ignore")
    def loss_and_grads(
        self,
        X: Any,
        y: Any,
        task: str = "classification",
        *,
        state: Any = None,
        return_state: bool = False,
    ) -> Any:
        """(loss, its gradient by parameter name, predictions), by back-propagation through time.

        Raises ValueError if X and y do not fit, nor the state.

        Args:
            X: (B, T, input_size).
            y: one answer per sequence or one per step, as ``losses`` explains; the predictions have the
                matching shape, (B, O) or (B, T, O).
            task: "classification" (mean cross-entropy) or "regression" (mean square).
            state: where to begin, as in ``forward``; taken as given, no gradient goes further back.
            return_state: return the state after the last step as well, a tuple, at the end.
        """
        X = self._time_first(X)
        sequences = targets_are_sequences(y, len(X), self.output_size, task)
        tape = self._unroll(X, self._checked_state(state, X.shape[1]))
        hidden = self._hidden(tape, len(X) if sequences else 1)
        outputs = self._outputs(hidden).swapaxes(0, 1)
        predictions = np.ascontiguousarray(outputs if sequences else outputs[:, 0])
        loss, d_predictions = loss_and_output_grad(predictions, y, task)
        d_outputs = d_predictions.swapaxes(0, 1) if sequences else d_predictions[None]
        grads = self._output_grads(hidden, d_outputs)
        grads |= self._backprop(tape, self._d_hidden(d_outputs))
        ordered = {name: grads[name] for name in self._all_params()}
        if return_state:
            return loss, ordered, predictions, tuple(part.copy() for part in self._state(tape))
        return loss, ordered, predictions

    def _time_first(self, sequence: Any) -> np.ndarray:
        """The checked input as (T, B, input_size), in the dtype of the parameters."""
        X = as_floats("the input", sequence)
        if X.ndim != 3 or X.shape[2] != self.input_size:
            raise ValueError(
                f"the input must have shape (B, T, {self.input_size}): sequences, steps, and "
                f"input_size numbers per step; got {X.shape}. One sequence alone is X[None]"
            )
        return self._cast("the input", X.swapaxes(0, 1))

    def _checked_state(self, state: Any, batch_size: int) -> State | None:
        """The state in the dtype of the parameters; None stays."""
        if state is None:
            return None
        shapes = self._state_shapes(batch_size)
        given = tuple(np.shape(part) for part in state) if isinstance(state, tuple | list) else None
        if given != shapes:
            raise ValueError(
                f"the state must be a tuple of arrays with the shapes {shapes}, as return_state=True "
                f"returns them for {batch_size} sequences; got "
                f"{type(state).__name__ if given is None else given}"
            )
        return tuple(self._cast("the state", as_floats("the state", part)) for part in state)

    def _outputs(self, hidden: np.ndarray) -> np.ndarray:
        if "W_out" not in self._params:
            return hidden
        return hidden @ self._params["W_out"] + self._params["b_out"]

    def _output_grads(self, hidden: np.ndarray, d_outputs: np.ndarray) -> Params:
        if "W_out" not in self._params:
            return {}
        d_outputs = d_outputs.reshape(-1, self.output_size)
        return {
            "W_out": hidden.reshape(-1, hidden.shape[-1]).T @ d_outputs,
            "b_out": d_outputs.sum(axis=0),
        }

    def _d_hidden(self, d_outputs: np.ndarray) -> np.ndarray:
        return d_outputs @ self._params["W_out"].T if "W_out" in self._params else d_outputs

    def _unroll(self, X: np.ndarray, state: State | None = None) -> Tape:
        """Run over X (T, B, D) from a state on, and keep what the backward pass needs."""
        raise NotImplementedError

    def _hidden(self, tape: Tape, num_last: int) -> np.ndarray:
        """The hidden vectors (num_last, B, H) of the last steps."""
        raise NotImplementedError

    def _state(self, tape: Tape) -> State:
        """The state after the last step, batch first."""
        raise NotImplementedError

    def _state_shapes(self, batch_size: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the state's arrays."""
        raise NotImplementedError

    def _backprop(self, tape: Tape, d_hidden: np.ndarray) -> Params:
        """Gradients by name from ∂L/∂h (S, B, H) of the last S steps."""
        raise NotImplementedError
