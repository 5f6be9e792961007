"""Stands in for a model and remembers in what state it was measured."""

from typing import Any

from torch import Tensor, nn


class Witness(nn.Module):
    """Hands its calls on to a model; remembers whether it was in training mode, and autograd recording."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self.was_training = self.was_recorded = False

    def forward(self, *inputs: Any) -> Tensor:
        """The model's output."""
        output = self.model(*inputs)
        self.was_training |= any(module.training for module in self.model.modules())
        self.was_recorded |= output.requires_grad
        return output
