"""The models of the NumPy track as one writes them in PyTorch, with the same weights.

The benchmark races against them, and the tests hold outputs and gradients against theirs.
"""

import numpy as np
import torch
from torch import nn

from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.relational_rnn import RelationalRNN

GATES = "ifco"  # the order in which torch stacks them


class TorchLSTM(nn.Module):
    """``torch.nn.LSTM`` and a linear layer, with the weights of ``model``."""

    @torch.no_grad()
    def __init__(self, model: LSTM) -> None:
        super().__init__()
        params = {name: torch.from_numpy(values) for name, values in model.get_params().items()}
        self.lstm = nn.LSTM(model.input_size, model.hidden_size, batch_first=True)
        self.out = nn.Linear(model.hidden_size, model.output_size)
        self.to(params["W_out"].dtype)
        for letter, name in (("W", "weight_ih_l0"), ("U", "weight_hh_l0"), ("b", "bias_ih_l0")):
            blocks = [params[f"{letter}_{gate}"].t() for gate in GATES]
            getattr(self.lstm, name).copy_(torch.cat(blocks))
        self.lstm.bias_hh_l0.zero_()  # torch has two biases, which are added
        self.out.weight.copy_(params["W_out"].T)
        self.out.bias.copy_(params["b_out"])

    def forward(self, X: torch.Tensor, return_sequences: bool = False) -> torch.Tensor:
        """Outputs (B, T, O), or (B, O) of the last step."""
        h, _ = self.lstm(X)
        return self.out(h if return_sequences else h[:, -1])

    def named_grads(self) -> dict[str, np.ndarray]:
        """Gradients by the names of the track."""
        grads = {"W_out": self.out.weight.grad.t(), "b_out": self.out.bias.grad}
        for letter, name in (("W", "weight_ih_l0"), ("U", "weight_hh_l0"), ("b", "bias_ih_l0")):
            blocks = getattr(self.lstm, name).grad.chunk(4)
            grads |= {f"{letter}_{g}": block.t() for g, block in zip(GATES, blocks, strict=True)}
        return {name: g.numpy() for name, g in grads.items()}


class TorchRelationalRNN(nn.Module):
    """The equations of ``relational_memory`` in their own order, with the weights of ``model``."""

    def __init__(self, model: RelationalRNN) -> None:
        super().__init__()
        core, params = model.cell.core, model.get_params()
        self.num_slots, self.slot_size = core.num_slots, core.slot_size
        self.num_heads, self.key_size, self.value_size = (
            core.num_heads,
            core.key_size,
            core.value_size,
        )
        self.params = nn.ParameterDict({k: torch.from_numpy(v) for k, v in params.items()})

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Layer normalization with the gain and bias of this name."""
        gain, bias = self.params[f"ln_{name}_gain"], self.params[f"ln_{name}_bias"]
        return nn.functional.layer_norm(x, gain.shape, gain, bias, eps=1e-5)

    def step(self, e: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """The memory (B, N, D) after an embedded input e (B, D)."""
        P, (B, N, D), K, V = self.params, memory.shape, self.key_size, self.value_size
        U = torch.cat([memory, e[:, None]], dim=1)
        qkv = self.norm("qkv", U @ P["W_qkv"] + P["b_qkv"])
        by_head = qkv.view(B, N + 1, self.num_heads, 2 * K + V).transpose(1, 2)
        q, k, v = by_head.split([K, K, V], dim=-1)
        weights = torch.softmax((q * K**-0.5) @ k.transpose(-1, -2), dim=-1)
        attended = (weights @ v).transpose(1, 2).reshape(B, N + 1, D)
        Y = self.norm("attention", U + attended)
        mlp = torch.relu(Y @ P["W_1"] + P["b_1"]) @ P["W_2"] + P["b_2"]
        candidate = self.norm("mlp", Y + mlp)[:, :N]
        gates = (e @ P["W_gi"] + P["b_gi"])[:, None] + torch.tanh(memory) @ P["W_gm"] + P["b_gm"]
        write, keep = gates.chunk(2, dim=-1)
        return torch.sigmoid(write) * torch.tanh(candidate) + torch.sigmoid(keep + 1) * memory

    def memories(self, X: torch.Tensor) -> list[torch.Tensor]:
        """The memory (B, N, D) after each step."""
        identity = torch.eye(self.num_slots, self.slot_size, dtype=X.dtype)
        memory, memories = identity.expand(len(X), -1, -1), []
        for e in (X @ self.params["W_x"] + self.params["b_x"]).unbind(1):
            memory = self.step(e, memory)
            memories.append(memory)
        return memories

    def forward(self, X: torch.Tensor, return_sequences: bool = False) -> torch.Tensor:
        """Outputs (B, T, O), or (B, O) of the last step."""
        P, memories = self.params, self.memories(X)
        read = torch.stack(memories, dim=1) if return_sequences else memories[-1]
        h = torch.relu(read.flatten(-2) @ P["W_h"] + P["b_h"])
        return h @ P["W_out"] + P["b_out"]

    def named_grads(self) -> dict[str, np.ndarray]:
        """Gradients by the names of the track."""
        return {name: p.grad.numpy() for name, p in self.params.items()}
