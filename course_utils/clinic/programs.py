"""Broken training programs to diagnose: each is sound but for one method, and seeded.

``TrainingProgram`` is sound; a patient is a subclass that overrides one of its methods, so that the
broken code and the mended code can be read side by side. ``course_utils.clinic`` trains and
examines them, ``course_utils.clinic.charts`` draws what was seen.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_utils import seeding
from course_utils.loader import TensorLoader
from course_utils.mnist import MEAN, STD
from course_utils.models import MLP
from course_utils.training import Batches


class TrainingProgram:
    """A sound program for small pictures: bytes in, a trained network out; a part is a method."""

    def prepare(self, pixels: Tensor) -> Tensor:
        """Inputs for the network, from bytes (N, 28, 28) or (28, 28)."""
        return (pixels - 255 * MEAN).div_(255 * STD)  # in place: one copy less

    def make_loader(self, pixels: Tensor, labels: Tensor, seed: int) -> Batches:
        """Batches of 128, in an order drawn from ``seed``."""
        dataset = TensorDataset(self.prepare(pixels), labels)
        generator = seeding.generator(seed)
        return TensorLoader(dataset, 128, shuffle=True, generator=generator)

    def make_model(self, seed: int) -> nn.Module:
        """The network, with weights drawn from ``seed``."""
        return MLP(784, [64, 64], 10, dropout_rate=0.5, seed=seed)

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """SGD for this model."""
        return torch.optim.SGD(model.parameters(), lr=0.1)

    def step(
        self, model: nn.Module, optimizer: Optimizer, images: Tensor, labels: Tensor
    ) -> Tensor:
        """One training step; returns the loss before it."""
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    def evaluate(self, model: nn.Module, loader: Batches) -> tuple[float, float]:
        """(mean loss, accuracy in [0, 1]) over the examples of ``loader``."""
        model.eval()
        with torch.no_grad():
            logits, labels = zip(*[(model(x), y) for x, y in loader], strict=True)
            logits, labels = torch.cat(logits), torch.cat(labels)
            loss = nn.functional.cross_entropy(logits, labels)
            accuracy = (logits.argmax(dim=1) == labels).float().mean()
        return loss.item(), accuracy.item()


class RateDiverges(TrainingProgram):
    """The rate is so high that the loss becomes NaN."""

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """SGD, a thousand times too fast."""
        return torch.optim.SGD(model.parameters(), lr=100)


class RateTooHigh(TrainingProgram):
    """The rate is high enough to spoil the accuracy and not high enough for NaN."""

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """SGD, ten times too fast."""
        return torch.optim.SGD(model.parameters(), lr=1.0)


class RateTooLow(TrainingProgram):
    """The rate is so low that nothing seems to happen."""

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """SGD, a thousand times too slow."""
        return torch.optim.SGD(model.parameters(), lr=0.0001)


class Overfitting(TrainingProgram):
    """A shortcut for debugging was left in: thirty pictures, learned by heart."""

    def make_loader(self, pixels: Tensor, labels: Tensor, seed: int) -> Batches:
        """Batches from the first thirty pictures alone."""
        pixels, labels = pixels[:30], labels[:30]  # a quick test
        dataset = TensorDataset(self.prepare(pixels), labels)
        generator = seeding.generator(seed)
        return TensorLoader(dataset, 128, shuffle=True, generator=generator)


class SlowLoader(TrainingProgram):
    """Pictures are prepared one by one, and anew each time they are fetched."""

    def make_loader(self, pixels: Tensor, labels: Tensor, seed: int) -> Batches:
        """The same pictures, a batch after another, slowly."""
        dataset = RawPictures(pixels, labels, self.prepare)
        generator = seeding.generator(seed)
        return DataLoader(dataset, 128, shuffle=True, generator=generator)


class RawPictures(Dataset):
    """Prepares one picture at a time, when it is asked for."""

    def __init__(self, pixels: Tensor, labels: Tensor, prepare: Callable[[Tensor], Tensor]) -> None:
        self.pixels, self.labels, self.prepare = pixels, labels, prepare

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.prepare(self.pixels[index]), self.labels[index]


class OtherModelsOptimizer(TrainingProgram):
    """The optimizer was made for a model that has been replaced since."""

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """SGD for some other model's parameters."""
        old_model = self.make_model(seed=0)  # from an earlier cell
        return torch.optim.SGD(old_model.parameters(), lr=0.1)


class NoZeroGrad(TrainingProgram):
    """Gradients are never cleared and pile up."""

    def step(
        self, model: nn.Module, optimizer: Optimizer, images: Tensor, labels: Tensor
    ) -> Tensor:
        """One training step, on the sum of all gradients so far."""
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()


class SoftmaxTwice(TrainingProgram):
    """The model ends in a softmax, and the loss applies another."""

    def make_model(self, seed: int) -> nn.Module:
        """The network, returning probabilities."""
        model = MLP(784, [64, 64], 10, dropout_rate=0.5, seed=seed)
        return nn.Sequential(model, nn.Softmax(dim=1))


class DeadReLUs(TrainingProgram):
    """Biases so negative that the hidden units never fire."""

    def make_model(self, seed: int) -> nn.Module:
        """The network, its biases set "so that a unit fires only when it is sure"."""
        model = MLP(784, [64, 64], 10, dropout_rate=0.5, seed=seed)
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                nn.init.constant_(layer.bias, -3.0)
        return model


class NoEval(TrainingProgram):
    """The network is evaluated in training mode, with dropout on."""

    def evaluate(self, model: nn.Module, loader: Batches) -> tuple[float, float]:
        """(mean loss, accuracy), with half the units missing."""
        with torch.no_grad():
            logits, labels = zip(*[(model(x), y) for x, y in loader], strict=True)
            logits, labels = torch.cat(logits), torch.cat(labels)
            loss = nn.functional.cross_entropy(logits, labels)
            accuracy = (logits.argmax(dim=1) == labels).float().mean()
        return loss.item(), accuracy.item()


class InputsUnscaled(TrainingProgram):
    """Bytes from 0 to 255 go straight into the network."""

    def prepare(self, pixels: Tensor) -> Tensor:
        """Inputs as they came."""
        return pixels.float()


class LabelsShifted(TrainingProgram):
    """The labels are read from the second row on, so that each belongs to the next picture."""

    def make_loader(self, pixels: Tensor, labels: Tensor, seed: int) -> Batches:
        """Batches of pictures with their neighbours' labels."""
        pixels, labels = pixels[:-1], labels[1:]  # skip the header
        dataset = TensorDataset(self.prepare(pixels), labels)
        generator = seeding.generator(seed)
        return TensorLoader(dataset, 128, shuffle=True, generator=generator)


#: Name of a fault -> the program that has it.
FAULTS: dict[str, type[TrainingProgram]] = {
    "rate_diverges": RateDiverges,
    "rate_too_high": RateTooHigh,
    "rate_too_low": RateTooLow,
    "overfitting": Overfitting,
    "slow_loader": SlowLoader,
    "other_models_optimizer": OtherModelsOptimizer,
    "no_zero_grad": NoZeroGrad,
    "softmax_twice": SoftmaxTwice,
    "dead_relus": DeadReLUs,
    "no_eval": NoEval,
    "inputs_unscaled": InputsUnscaled,
    "labels_shifted": LabelsShifted,
}


def name_of(program: type[TrainingProgram]) -> str:
    """The name of a program's fault, ``"sound"`` for one without."""
    return {fault: name for name, fault in FAULTS.items()}.get(program, "sound")
