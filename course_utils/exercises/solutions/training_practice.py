"""Solutions of the lesson training_practice, from which `make notebooks` generates this file."""

import copy
import math

import torch


class EarlyStopper:
    """Stops after ``patience`` epochs in a row without a better accuracy; keeps the best weights."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited, self.snapshot = -math.inf, 0, None

    def update(self, val_accuracy, model):
        """Take note of an epoch; True where training should stop."""
        if val_accuracy > self.best + self.min_delta:
            self.best, self.waited = val_accuracy, 0
            self.snapshot = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model):
        """Put the best weights back."""
        model.load_state_dict(self.snapshot)


def warm_cosine(step, num_steps, warmup_steps, max_lr, min_lr):
    """Linear from 0 to max_lr, half a cosine wave down to min_lr, and there it stays."""
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1.0)
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * share)) / 2


def train_resumably(path, run, epochs):
    """Bring ``run`` to ``epochs`` epochs, going on from ``path`` if it exists; epochs trained now."""
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.scheduler.load_state_dict(state["scheduler"])
        run.generator.set_state(state["order"])
        torch.set_rng_state(state["dropout"])
        done = state["epoch"]
    for epoch in range(done, epochs):
        run.train_epoch()
        state = {
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "scheduler": run.scheduler.state_dict(),
            "order": run.generator.get_state(),
            "dropout": torch.get_rng_state(),
            "epoch": epoch + 1,
        }
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)
    return epochs - done
