"""Back-propagation through time for the relational memory: ``relational_memory`` read from below.

``d.name`` is ∂L/∂name for all steps. The loop over steps carries ∂L/∂M back; what the parameters need
is laid aside in ``d`` and summed over all steps at the end, one product per matrix.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from course_utils.numpy_track.attention import attend_backward
from course_utils.numpy_track.buffers import Buffers
from course_utils.numpy_track.layer_norm import layer_norm_backward_into
from course_utils.numpy_track.model_interface import Params

if TYPE_CHECKING:
    from course_utils.numpy_track.relational_memory import RelationalMemory


def backprop(
    core: "RelationalMemory",
    X: np.ndarray,
    tape: SimpleNamespace,
    d_memories: np.ndarray,
    buffers: Buffers,
) -> Params:
    """Gradients by parameter name, from ∂L/∂M after each of the last S steps (S, N, B, D).

    core: a RelationalMemory that made ``tape`` in ``unroll(X)``.
    """
    T, N = len(X), core.num_slots
    slots, rows = tape.y.shape, tape.qkv.shape
    d = buffers(
        core.dtype,
        d_qkv=rows,
        d_projected=rows,
        d_y=slots,
        d_mlp_hidden=slots,
        d_z_sum=slots,
        d_z=slots,
        d_gates=tape.gates.shape,
    )
    transposed = {
        name: np.ascontiguousarray(core._params[name].T) for name in ("W_qkv", "W_1", "W_2", "W_gm")
    }
    d_memory = np.zeros(slots[1:], core.dtype)
    for t in reversed(range(T)):
        if T - t <= len(d_memories):
            d_memory += d_memories[t - T]
        _step_backward(core, tape, d, t, d_memory, transposed)
    _project_backward(core, tape, d, np.s_[:, N])
    return _parameter_grads(core, X, tape, d, transposed)


def _step_backward(
    core: "RelationalMemory",
    tape: SimpleNamespace,
    d: SimpleNamespace,
    t: int,
    d_memory: np.ndarray,
    transposed: Params,
) -> None:
    """``d_memory`` comes in as ∂L/∂M after step t, and goes out as ∂L/∂M before it."""
    P, N = core._params, core.num_slots
    candidate, gates, tanh_memory = tape.candidate[t], tape.gates[t], tape.tanh_memory[t]
    write, keep = core.both_gates(gates)

    # M' = write ⊙ tanh(Z) + keep ⊙ M
    d_gates = d.d_gates[t]
    d_write, d_keep = core.both_gates(d_gates)
    _sum_over_gate(d_memory, candidate, out=d_write)
    _sum_over_gate(d_memory, tape.memory[t], out=d_keep)
    d_gates *= gates
    d_gates *= 1 - gates
    d_z = np.multiply(d_memory, write, out=d.d_z[t])
    d_z *= 1 - candidate * candidate
    d_memory *= keep

    # gates = ... + tanh(M) W_gm
    d_tanh = d_gates @ transposed["W_gm"]
    d_tanh *= 1 - tanh_memory * tanh_memory
    d_memory += d_tanh

    # Z = LN(Y + relu(Y W_1 + b_1) W_2 + b_2)
    d_z_sum = layer_norm_backward_into(
        d.d_z_sum[t], d_z, tape.z_hat[t], tape.z_inv_std[t], P["ln_mlp_gain"]
    )
    d_hidden = np.matmul(d_z_sum, transposed["W_2"], out=d.d_mlp_hidden[t])
    d_hidden *= tape.mlp_hidden[t] > 0
    d_y = np.matmul(d_hidden, transposed["W_1"], out=d.d_y[t])
    d_y += d_z_sum

    # Y = LN(M + attention)
    d_attended = layer_norm_backward_into(
        np.empty_like(d_y), d_y, tape.y_hat[t], tape.y_inv_std[t], P["ln_attention_gain"]
    )
    d_memory += d_attended
    attend_backward(
        core.by_head(d_attended),
        *core.heads(tape.qkv[t]),
        tape.weights[t],
        out=core.heads(d.d_qkv[t]),
    )
    core.by_head(d.d_qkv[t])[:, :, N, : core.key_size] = 0  # e asks nothing

    # qkv = LN(M W_qkv + b_qkv)
    d_memory += _project_backward(core, tape, d, np.s_[t, :N]) @ transposed["W_qkv"]


def _project_backward(
    core: "RelationalMemory", tape: SimpleNamespace, d: SimpleNamespace, some: tuple
) -> np.ndarray:
    """Through the layer norm of some rows' queries, keys and values."""
    return layer_norm_backward_into(
        d.d_projected[some],
        d.d_qkv[some],
        tape.qkv_hat[some],
        tape.qkv_inv_std[some],
        core._params["ln_qkv_gain"],
    )


def _sum_over_gate(d_memory: np.ndarray, factor: np.ndarray, out: np.ndarray) -> None:
    """∂L/∂gate = ∂L/∂M' ⊙ factor, added up over all numbers that the one gate governs."""
    if out.shape == factor.shape:
        np.multiply(d_memory, factor, out=out)
    else:
        np.vecdot(d_memory, factor, out=out[..., 0])


def _parameter_grads(
    core: "RelationalMemory",
    X: np.ndarray,
    tape: SimpleNamespace,
    d: SimpleNamespace,
    transposed: Params,
) -> Params:
    P, N = core._params, core.num_slots
    d_gates_of_step = d.d_gates.sum(axis=1)  # all slots hear the same e
    d_e = d_gates_of_step @ P["W_gi"].T
    d_e += d.d_projected[:, N] @ transposed["W_qkv"]
    grads = {}
    for name, inputs, d_outputs in (
        ("x", X, d_e),
        ("qkv", tape.rows[:-1], d.d_projected),
        ("1", tape.y, d.d_mlp_hidden),
        ("2", tape.mlp_hidden, d.d_z_sum),
        ("gi", tape.e, d_gates_of_step),
        ("gm", tape.tanh_memory, d.d_gates),
    ):
        inputs, d_outputs = _as_table(inputs), _as_table(d_outputs)
        grads[f"W_{name}"] = inputs.T @ d_outputs
        grads[f"b_{name}"] = _column_sums(d_outputs)
    for name, x_hat, d_normed in (
        ("qkv", tape.qkv_hat, d.d_qkv),
        ("attention", tape.y_hat, d.d_y),
        ("mlp", tape.z_hat, d.d_z),
    ):
        grads[f"ln_{name}_bias"] = _column_sums(_as_table(d_normed))
        x_hat *= d_normed
        grads[f"ln_{name}_gain"] = _column_sums(_as_table(x_hat))
    return grads


def _as_table(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])


def _column_sums(table: np.ndarray) -> np.ndarray:
    """``table.sum(axis=0)`` as a product with ones, which is several times as fast."""
    return np.ones(len(table), table.dtype) @ table
