"""The relational memory core (Santoro et al. 2018), one step at a time.

A memory M of N slots of D numbers, and at each step an input x. Slots and input are rows of one table,
and every slot looks at all of them (H heads, keys of K numbers, values of V = D/H):

    e = x W_x + b_x,  U = [M; e]                                     N + 1 rows
    q, k, v of each head = LN(U W_qkv + b_qkv)
    O = softmax(q kᵀ / √K) v of all heads, side by side              attention
    Y = LN(U + O),  Z = LN(Y + relu(Y W_1 + b_1) W_2 + b_2)          row by row
    [G_i; G_f] = e W_gi + b_gi + tanh(M) W_gm + b_gm                 gates
    M ← σ(G_i) ⊙ tanh(Z) + σ(G_f + 1) ⊙ M                            the N rows that are slots

The row of e is needed as key and value only, so O, Y and Z are worked out for the slots alone. Inside,
the rows come before the batch, so that those of the slots are one block of memory: tables have the shape
(T, N + 1, B, features) or (T, N, B, features).
"""

from typing import Any

import numpy as np

from course_utils.numpy_track.activations import sigmoid
from course_utils.numpy_track.attention import attend
from course_utils.numpy_track.buffers import Buffers
from course_utils.numpy_track.checks import NonFiniteError, as_floats, check_count, check_rng
from course_utils.numpy_track.initializers import xavier_initializer
from course_utils.numpy_track.layer_norm import layer_norm_into
from course_utils.numpy_track.model_interface import Params
from course_utils.numpy_track.relational_memory_backward import MemoryBackward, MemoryTape

GATES = ("unit", "memory")


class RelationalMemory(MemoryBackward):
    """The core: ``memory = core.forward(x, memory)``, beginning at ``core.initial_memory(B)``.

    Args:
        num_slots: N, rows of the memory.
        slot_size: D, a multiple of H, and at least N, or else slots would begin equal and stay so for
            ever.
        num_heads: H, attentions side by side.
        input_size: I; D if None.
        gate: "unit" opens and closes every number by itself, "memory" a slot as a whole.
        key_size: K, width of a head's queries and keys; D/H if None.
        rng: a generator or a seed.
    """

    def __init__(
        self,
        num_slots: int = 4,
        slot_size: int = 64,
        num_heads: int = 2,
        input_size: int | None = None,
        *,
        gate: str = "unit",
        key_size: int | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.num_slots = N = check_count("num_slots", num_slots)
        self.slot_size = D = check_count("slot_size", slot_size)
        self.num_heads = check_count("num_heads", num_heads)
        if N > D:
            raise ValueError(
                f"num_slots must be at most slot_size, since slots begin as different rows of an "
                f"identity matrix; got {N} slots of size {D}"
            )
        if D % num_heads:
            raise ValueError(f"slot_size must be a multiple of num_heads, got {D} and {num_heads}")
        if gate not in GATES:
            raise ValueError(f"gate must be one of {GATES}, got {gate!r}")
        self.gate = gate
        self.input_size = D if input_size is None else check_count("input_size", input_size)
        self.value_size = D // num_heads
        self.key_size = check_count("key_size", self.value_size if key_size is None else key_size)
        rng = check_rng(rng)
        F = num_heads * (2 * self.key_size + self.value_size)
        g = D if gate == "unit" else 1
        shapes = {"x": (self.input_size, D), "qkv": (D, F), "1": (D, D), "2": (D, D)}
        shapes |= {"gi": (D, 2 * g), "gm": (D, 2 * g)}
        params: Params = {}
        for name, shape in shapes.items():
            params |= {
                f"W_{name}": xavier_initializer(shape, rng=rng),
                f"b_{name}": np.zeros(shape[1]),
            }
        for name, size in (("qkv", F), ("attention", D), ("mlp", D)):
            params |= {f"ln_{name}_gain": np.ones(size), f"ln_{name}_bias": np.zeros(size)}
        super().__init__(params)
        self._buffers = Buffers()

    def initial_memory(self, batch_size: int) -> np.ndarray:
        """(B, N, D): each slot a row of the identity matrix, filled up with zeros."""
        identity = np.eye(self.num_slots, self.slot_size, dtype=self.dtype)
        return np.tile(identity, (check_count("batch_size", batch_size), 1, 1))

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: Any, memory: Any = None) -> np.ndarray:
        """The memory (B, N, D) after one step. x: (B, I). memory: (B, N, D), the initial one if None."""
        x = as_floats("x", x)
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ValueError(f"x must have shape (B, {self.input_size}), got {x.shape}")
        shape = (len(x), self.num_slots, self.slot_size)
        if memory is not None:
            memory = as_floats("memory", memory)
            if memory.shape != shape:
                raise ValueError(f"memory must have shape {shape}, got {memory.shape}")
            memory = self._cast("memory", memory)
        tape = self.unroll(self._cast("x", x)[None], memory)
        return tape.memory[-1].swapaxes(0, 1).copy()

    def unroll(self, X: np.ndarray, memory: np.ndarray | None = None) -> MemoryTape:
        """Run over X (T, B, I), unchecked; ``.memory`` (T + 1, N, B, D) holds the memories.

        Raises NonFiniteError if numbers leave the range of the dtype on the way.
        """
        P, N = self._params, self.num_slots
        tape = self._tape(*X.shape[:2])
        np.matmul(X, P["W_x"], out=tape.e)
        tape.e += P["b_x"]
        tape.rows[:-1, N] = tape.e
        first = self.initial_memory(1) if memory is None else memory
        tape.memory[0] = first.swapaxes(0, 1)
        gates_from_e = tape.e @ P["W_gi"] + (P["b_gi"] + P["b_gm"])
        forget = self._both_gates(gates_from_e)[1]
        forget += 1
        tape.gates[...] = gates_from_e[:, None]
        self._project(tape, np.s_[:, N])  # e has its queries, keys and values from the start
        for t in range(len(X)):
            self._step(tape, t)
        # A variance that overflows makes 1/σ = 0, and would pass for features without any difference.
        inv_stds = tape.qkv_inv_std, tape.y_inv_std, tape.z_inv_std
        if not all(x.min() > 0 for x in inv_stds) or not np.isfinite(tape.memory[-1]).all():
            raise NonFiniteError(
                f"numbers left the range of {self.dtype} on the way; normalize the inputs, or lower "
                "the learning rate"
            )
        return tape

    def _tape(self, T: int, B: int) -> MemoryTape:
        """Room for all steps."""
        P, N, D, H = self._params, self.num_slots, self.slot_size, self.num_heads
        F, slots = P["b_qkv"].size, (T, N, B, D)
        arrays = self._buffers(
            self.dtype,
            e=(T, B, D),
            rows=(T + 1, N + 1, B, D),
            qkv_hat=(T, N + 1, B, F),
            qkv_inv_std=(T, N + 1, B, 1),
            qkv=(T, N + 1, B, F),
            weights=(T, B, H, N, N + 1),
            y_hat=slots,
            y_inv_std=(T, N, B, 1),
            y=slots,
            mlp_hidden=slots,
            z_hat=slots,
            z_inv_std=(T, N, B, 1),
            candidate=slots,
            tanh_memory=slots,
            gates=(T, N, B, P["b_gi"].size),
        )
        return MemoryTape(**arrays)

    def _project(self, tape: MemoryTape, some: tuple) -> None:
        """q, k, v = LN(U W_qkv + b_qkv) for some of the rows."""
        P, x = self._params, tape.qkv_hat[some]
        np.matmul(tape.rows[: len(tape.qkv)][some], P["W_qkv"], out=x)
        x += P["b_qkv"]
        tape.qkv_inv_std[some] = layer_norm_into(
            tape.qkv[some], x, P["ln_qkv_gain"], P["ln_qkv_bias"]
        )

    def _step(self, tape: MemoryTape, t: int) -> None:
        P, N = self._params, self.num_slots
        memory, new_memory = tape.memory[t], tape.memory[t + 1]

        self._project(tape, np.s_[t, :N])
        x = tape.y_hat[t]
        q, k, v = self._heads(tape.qkv[t])
        _, tape.weights[t] = attend(q, k, v, out=self._by_head(x))
        x += memory
        y = tape.y[t]
        tape.y_inv_std[t] = layer_norm_into(y, x, P["ln_attention_gain"], P["ln_attention_bias"])

        hidden = np.matmul(y, P["W_1"], out=tape.mlp_hidden[t])
        hidden += P["b_1"]
        np.maximum(hidden, 0, out=hidden)
        x = np.matmul(hidden, P["W_2"], out=tape.z_hat[t])
        x += P["b_2"]
        x += y
        candidate = tape.candidate[t]
        tape.z_inv_std[t] = layer_norm_into(candidate, x, P["ln_mlp_gain"], P["ln_mlp_bias"])
        np.tanh(candidate, out=candidate)

        tanh_memory = np.tanh(memory, out=tape.tanh_memory[t])
        gates = tape.gates[t]
        gates += tanh_memory @ P["W_gm"]
        sigmoid(gates, out=gates)
        write, keep = self._both_gates(gates)
        np.multiply(keep, memory, out=new_memory)
        new_memory += write * candidate
