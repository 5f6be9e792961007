"""Multi-layer perceptrons, from a net for XOR to the MNIST classifier."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import pairwise

from torch import Tensor, nn

from course_utils.seeding import seeded

#: Ways to set the weights of a layer in place; biases become 0, but for "default" (PyTorch's own).
INITIALIZATIONS: dict[str, Callable[[Tensor], object] | None] = {
    "default": None,
    "zeros": nn.init.zeros_,
    "constant": lambda weight: nn.init.constant_(weight, 0.01),
    "normal": lambda weight: nn.init.normal_(weight, std=0.01),
    "xavier": nn.init.xavier_uniform_,
    "kaiming": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
}


def initialize(model: nn.Module, initialization: str) -> nn.Module:
    """Set every linear layer of ``model`` in place, by a name in INITIALIZATIONS, and return it.

    xavier: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks". kaiming: He et al. 2015, "Delving deep into rectifiers", arXiv:1502.01852.
    Raises ValueError on an unknown name.
    """
    if initialization not in INITIALIZATIONS:
        raise ValueError(
            f"initialization must be one of {', '.join(INITIALIZATIONS)}, got {initialization!r}"
        )
    set_weight = INITIALIZATIONS[initialization]
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and set_weight is not None:
            set_weight(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


class MLP(nn.Module):
    """Flatten, then for each hidden layer linear, batch norm, activation, dropout; a linear output.

    Input (N, ...) with ``in_features`` numbers per example, output (N, out_features). Raises
    ValueError on a width, dropout rate or initialization outside its range.

    Args:
        in_features: width of the input, at least 1.
        hidden_sizes: widths of the hidden layers, each at least 1; ``[]`` for no hidden layer.
        out_features: width of the output, at least 1.
        activation: makes the activation module, e.g. ``nn.ReLU`` or ``lambda: nn.LeakyReLU(0.1)``.
        dropout_rate: in [0, 1).
        batch_norm: whether there is a BatchNorm1d before each activation.
        initialization: a name in INITIALIZATIONS.
        seed: draws the initial weights from this seed and leaves torch's global generator alone;
            without it they come from that generator.

    >>> model = MLP(784, [32], 10, dropout_rate=0.2, seed=0)
    >>> [type(layer).__name__ for layer in model.net]
    ['Linear', 'ReLU', 'Dropout', 'Linear']
    """

    def __init__(
        self,
        in_features: int,
        hidden_sizes: Sequence[int],
        out_features: int,
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        dropout_rate: float = 0.0,
        batch_norm: bool = False,
        initialization: str = "default",
        seed: int | None = None,
    ) -> None:
        widths = [in_features, *hidden_sizes, out_features]
        if min(widths) < 1:
            raise ValueError(f"every layer needs at least one unit, got widths {widths}")
        if not 0 <= dropout_rate < 1:
            raise ValueError(f"dropout_rate must be in [0, 1), got {dropout_rate}")
        super().__init__()
        layers: list[nn.Module] = []
        with nullcontext() if seed is None else seeded(seed):
            for fan_in, fan_out in pairwise(widths[:-1]):
                layers.append(nn.Linear(fan_in, fan_out))
                if batch_norm:
                    layers.append(nn.BatchNorm1d(fan_out))
                layers.append(activation())
                if dropout_rate > 0:
                    layers.append(nn.Dropout(dropout_rate))
            layers.append(nn.Linear(widths[-2], widths[-1]))
            self.flatten = nn.Flatten()
            self.net = initialize(nn.Sequential(*layers), initialization)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, out_features) of a batch (N, ...)."""
        return self.net(self.flatten(x))


class MNIST_MLP(MLP):
    """784-256-256-10 with batch norm and dropout: 270,346 parameters at the default width.

    Args:
        hidden_size: width of both hidden layers, at least 1.
        dropout_rate: in [0, 1).
        seed: as for ``MLP``.

    >>> count_parameters(MNIST_MLP())
    270346
    """

    def __init__(
        self, hidden_size: int = 256, dropout_rate: float = 0.2, *, seed: int | None = None
    ) -> None:
        super().__init__(
            784,
            [hidden_size, hidden_size],
            10,
            dropout_rate=dropout_rate,
            batch_norm=True,
            seed=seed,
        )


def count_parameters(model: nn.Module) -> int:
    """How many numbers the optimizer may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
