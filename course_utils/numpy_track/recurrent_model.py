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


class RecurrentModel(Parameterized, Generic[Tape]):
    """A net that reads a sequence step by step; y_t = h_t W_out + b_out at every step.

    Subclasses say how the hidden vectors h (T, B, H) come about, in four methods:
    ``_unroll``, ``_hidden``, ``_state`` and ``_backprop``. Inside, time comes first: X[t] is a step.
    One model object serves one thread at a time.
    """

    input_size: int
    output_size: int

    @np.errstate(over="ignore", invalid="ignore")
    def forward(
        self, sequence: Any, return_sequences: bool = True, return_state: bool = False
    ) -> Any:
        """Outputs (B, T, O) of every step, or (B, O) of the last one.

        Raises ValueError on any other input, and if numbers leave the range of the dtype.

        Args:
            sequence: (B, T, input_size), finite numbers.
            return_sequences: whether every step is wanted.
            return_state: return a tuple instead, the outputs and then the state after the last step.
        """
        X = self._time_first(sequence)
        chunks = []
        for start in range(0, X.shape[1], CHUNK):
            tape = self._unroll(X[:, start : start + CHUNK])
            hidden = self._hidden(tape, len(X) if return_sequences else 1)
            outputs = self._outputs(hidden).swapaxes(0, 1)
            found = (outputs if return_sequences else outputs[:, 0], *self._state(tape))
            chunks.append([part.copy() for part in found])  # the next chunk uses the tape again
        outputs, *state = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        if not np.isfinite(outputs).all():
            raise NonFiniteError(
                f"the outputs left the range of {self.dtype}; normalize the inputs, or lower the "
                "learning rate"
            )
        return (outputs, *state) if return_state else outputs

    @np.errstate(over="ignore", invalid="ignore")
    def loss_and_grads(
        self, X: Any, y: Any, task: str = "classification"
    ) -> tuple[float, Params, np.ndarray]:
        """(loss, its gradient by parameter name, predictions), by back-propagation through time.

        Raises ValueError if X and y do not fit.

        Args:
            X: (B, T, input_size).
            y: one answer per sequence or one per step, as ``losses`` explains; the predictions have the
                matching shape, (B, O) or (B, T, O).
            task: "classification" (mean cross-entropy) or "regression" (mean square).
        """
        X = self._time_first(X)
        sequences = targets_are_sequences(y, len(X), self.output_size, task)
        tape = self._unroll(X)
        hidden = self._hidden(tape, len(X) if sequences else 1)
        outputs = self._outputs(hidden).swapaxes(0, 1)
        predictions = np.ascontiguousarray(outputs if sequences else outputs[:, 0])
        loss, d_predictions = loss_and_output_grad(predictions, y, task)
        d_outputs = d_predictions.swapaxes(0, 1) if sequences else d_predictions[None]
        grads = self._output_grads(hidden, d_outputs)
        grads |= self._backprop(tape, self._d_hidden(d_outputs))
        return loss, {name: grads[name] for name in self._all_params()}, predictions

    def _time_first(self, sequence: Any) -> np.ndarray:
        """The checked input as (T, B, input_size), in the dtype of the parameters."""
        X = as_floats("the input", sequence)
        if X.ndim != 3 or X.shape[2] != self.input_size:
            raise ValueError(
                f"the input must have shape (B, T, {self.input_size}): sequences, steps, and "
                f"input_size numbers per step; got {X.shape}. One sequence alone is X[None]"
            )
        return self._cast("the input", X.swapaxes(0, 1))

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

    def _unroll(self, X: np.ndarray) -> Tape:
        """Run over X (T, B, D) and keep what the backward pass needs."""
        raise NotImplementedError

    def _hidden(self, tape: Tape, num_last: int) -> np.ndarray:
        """The hidden vectors (num_last, B, H) of the last steps."""
        raise NotImplementedError

    def _state(self, tape: Tape) -> tuple[np.ndarray, ...]:
        """The state after the last step, batch first."""
        raise NotImplementedError

    def _backprop(self, tape: Tape, d_hidden: np.ndarray) -> Params:
        """Gradients by name from ∂L/∂h (S, B, H) of the last S steps."""
        raise NotImplementedError
