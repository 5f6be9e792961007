"""Back-propagation through time for the relational memory: ``relational_memory`` read from below.

The loop over steps carries ∂L/∂M back; what the parameters need is laid aside for all steps and summed
at the end, one product per matrix. Letters and shapes as in ``relational_memory``.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.numpy_track.attention import attend_backward
from course_utils.numpy_track.buffers import Buffers
from course_utils.numpy_track.layer_norm import layer_norm_backward_into
from course_utils.numpy_track.model_interface import Params
from course_utils.numpy_track.parameters import Parameterized


@dataclass
class MemoryTape:
    """What a run over T steps lays aside for the backward pass; F = H (2 K + V), G gates a slot."""

    e: np.ndarray  # (T, B, D)
    rows: np.ndarray  # (T + 1, N + 1, B, D), U of each step
    qkv_hat: np.ndarray  # (T, N + 1, B, F), normalized, before gain and bias; so with all _hat
    qkv_inv_std: np.ndarray  # (T, N + 1, B, 1)
    qkv: np.ndarray  # (T, N + 1, B, F)
    weights: np.ndarray  # (T, B, H, N, N + 1), what each slot looked at
    y_hat: np.ndarray  # (T, N, B, D)
    y_inv_std: np.ndarray  # (T, N, B, 1)
    y: np.ndarray  # (T, N, B, D)
    mlp_hidden: np.ndarray  # (T, N, B, D)
    z_hat: np.ndarray  # (T, N, B, D)
    z_inv_std: np.ndarray  # (T, N, B, 1)
    candidate: np.ndarray  # (T, N, B, D), tanh(Z)
    tanh_memory: np.ndarray  # (T, N, B, D)
    gates: np.ndarray  # (T, N, B, G)

    @property
    def memory(self) -> np.ndarray:
        """The memories (T + 1, N, B, D), a view: the rows of U that are slots."""
        return self.rows[:, :-1]


@dataclass
class _Slopes:
    """∂L/∂name for all steps, shaped as on the tape; the parameters' gradients are sums over these."""

    qkv: np.ndarray
    projected: np.ndarray  # U W_qkv + b_qkv
    y: np.ndarray
    mlp_hidden: np.ndarray
    z_sum: np.ndarray  # what goes into the layer norm of Z
    z: np.ndarray
    gates: np.ndarray  # what goes into σ


class MemoryBackward(Parameterized):
    """The half of RelationalMemory that goes backward."""

    num_slots: int
    num_heads: int
    key_size: int

    def backprop(
        self, X: np.ndarray, tape: MemoryTape, d_memories: np.ndarray, buffers: Buffers
    ) -> Params:
        """Gradients by parameter name, by back-propagation through time.

        The loop over steps carries ∂L/∂M back; what the parameters need is laid aside and summed over
        all steps at the end, one product per matrix. The tape is used up: its ``_hat`` are overwritten.

        Args:
            X: (T, B, I).
            tape: what ``unroll(X)`` returned.
            d_memories: (S, N, B, D), ∂L/∂M after each of the last S steps.
            buffers: memory for the arrays that this takes.
        """
        T, N = len(X), self.num_slots
        slots, rows = tape.y.shape, tape.qkv.shape
        arrays = buffers(
            self.dtype,
            qkv=rows,
            projected=rows,
            y=slots,
            mlp_hidden=slots,
            z_sum=slots,
            z=slots,
            gates=tape.gates.shape,
        )
        d = _Slopes(**arrays)
        transposed = {
            name: np.ascontiguousarray(self._params[name].T)
            for name in ("W_qkv", "W_1", "W_2", "W_gm")
        }
        d_memory = np.zeros(slots[1:], self.dtype)
        for t in reversed(range(T)):
            if T - t <= len(d_memories):
                d_memory += d_memories[t - T]
            self._step_backward(tape, d, t, d_memory, transposed)
        self._project_backward(tape, d, np.s_[:, N])
        return self._parameter_grads(X, tape, d, transposed)

    def _step_backward(
        self, tape: MemoryTape, d: _Slopes, t: int, d_memory: np.ndarray, transposed: Params
    ) -> None:
        """``d_memory`` comes in as ∂L/∂M after step t, and goes out as ∂L/∂M before it."""
        P, N = self._params, self.num_slots
        candidate, gates, tanh_memory = tape.candidate[t], tape.gates[t], tape.tanh_memory[t]
        write, keep = self._both_gates(gates)

        # M' = write ⊙ tanh(Z) + keep ⊙ M
        d_gates = d.gates[t]
        d_write, d_keep = self._both_gates(d_gates)
        _sum_over_gate(d_memory, candidate, out=d_write)
        _sum_over_gate(d_memory, tape.memory[t], out=d_keep)
        d_gates *= gates
        d_gates *= 1 - gates
        d_z = np.multiply(d_memory, write, out=d.z[t])
        d_z *= 1 - candidate * candidate
        d_memory *= keep

        # gates = ... + tanh(M) W_gm
        d_tanh = d_gates @ transposed["W_gm"]
        d_tanh *= 1 - tanh_memory * tanh_memory
        d_memory += d_tanh

        # Z = LN(Y + relu(Y W_1 + b_1) W_2 + b_2)
        d_z_sum = layer_norm_backward_into(
            d.z_sum[t], d_z, tape.z_hat[t], tape.z_inv_std[t], P["ln_mlp_gain"]
        )
        d_hidden = np.matmul(d_z_sum, transposed["W_2"], out=d.mlp_hidden[t])
        d_hidden *= tape.mlp_hidden[t] > 0
        d_y = np.matmul(d_hidden, transposed["W_1"], out=d.y[t])
        d_y += d_z_sum

        # Y = LN(M + attention)
        d_attended = layer_norm_backward_into(
            np.empty_like(d_y), d_y, tape.y_hat[t], tape.y_inv_std[t], P["ln_attention_gain"]
        )
        d_memory += d_attended
        attend_backward(
            self._by_head(d_attended),
            *self._heads(tape.qkv[t]),
            tape.weights[t],
            out=self._heads(d.qkv[t]),
        )
        self._by_head(d.qkv[t])[:, :, N, : self.key_size] = 0  # e asks nothing

        # qkv = LN(M W_qkv + b_qkv)
        d_memory += self._project_backward(tape, d, np.s_[t, :N]) @ transposed["W_qkv"]

    def _project_backward(self, tape: MemoryTape, d: _Slopes, some: tuple) -> np.ndarray:
        """Through the layer norm of some rows' queries, keys and values."""
        return layer_norm_backward_into(
            d.projected[some],
            d.qkv[some],
            tape.qkv_hat[some],
            tape.qkv_inv_std[some],
            self._params["ln_qkv_gain"],
        )

    def _parameter_grads(
        self, X: np.ndarray, tape: MemoryTape, d: _Slopes, transposed: Params
    ) -> Params:
        P, N = self._params, self.num_slots
        d_gates_of_step = d.gates.sum(axis=1)  # all slots hear the same e
        d_e = d_gates_of_step @ P["W_gi"].T
        d_e += d.projected[:, N] @ transposed["W_qkv"]
        grads = {}
        for name, inputs, d_outputs in (
            ("x", X, d_e),
            ("qkv", tape.rows[:-1], d.projected),
            ("1", tape.y, d.mlp_hidden),
            ("2", tape.mlp_hidden, d.z_sum),
            ("gi", tape.e, d_gates_of_step),
            ("gm", tape.tanh_memory, d.gates),
        ):
            inputs, d_outputs = _as_table(inputs), _as_table(d_outputs)
            grads[f"W_{name}"] = inputs.T @ d_outputs
            grads[f"b_{name}"] = _column_sums(d_outputs)
        for name, x_hat, d_normed in (
            ("qkv", tape.qkv_hat, d.qkv),
            ("attention", tape.y_hat, d.y),
            ("mlp", tape.z_hat, d.z),
        ):
            grads[f"ln_{name}_bias"] = _column_sums(_as_table(d_normed))
            x_hat *= d_normed
            grads[f"ln_{name}_gain"] = _column_sums(_as_table(x_hat))
        return grads

    def _by_head(self, x: np.ndarray) -> np.ndarray:
        """(rows, B, D) as (B, H, rows, V), a view."""
        return x.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2, 0, 3)

    def _heads(self, qkv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Queries of the slots, keys and values of all rows, by head: views into (N + 1, B, F)."""
        heads, K = self._by_head(qkv), self.key_size
        return heads[:, :, : self.num_slots, :K], heads[..., K : 2 * K], heads[..., 2 * K :]

    def _both_gates(self, gates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gate that writes and the gate that keeps, two views into (..., 2 g)."""
        g = gates.shape[-1] // 2
        return gates[..., :g], gates[..., g:]


def _sum_over_gate(d_memory: np.ndarray, factor: np.ndarray, out: np.ndarray) -> None:
    """∂L/∂gate = ∂L/∂M' ⊙ factor, added up over all numbers that the one gate governs."""
    if out.shape == factor.shape:
        np.multiply(d_memory, factor, out=out)
    else:
        np.vecdot(d_memory, factor, out=out[..., 0])


def _as_table(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])


def _column_sums(table: np.ndarray) -> np.ndarray:
    """``table.sum(axis=0)`` as a product with ones, which is several times as fast."""
    return np.ones(len(table), table.dtype) @ table
