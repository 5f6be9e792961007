"""What torch says when a step fails, and what it means here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

#: What torch says, as a pattern -> what it means here, and what to do.
EXPLANATIONS = {
    "more than 1 value per channel": (
        "batch normalization cannot train on a batch of one example, usually the last one of the "
        "pass; build the loader with drop_last=True (DataLoader and TensorLoader have it) or with "
        "another batch_size"
    ),
    r"same device|expected device|torch\.cuda\.": (
        "the model, its batches and the criterion are on different devices; move model and criterion "
        "first, model.to(device) and criterion.to(device), to the device that you give"
    ),
    "same dtype|should be the same|mixed dtype|expected scalar type|not implemented for '": (
        "the inputs and the weights of the model differ in dtype; give the dataset inputs.float() (of "
        "a NumPy array: torch.from_numpy(array).float()), or make the model that of the inputs, "
        "model.double()"
    ),
    "Found dtype": "the labels and the outputs differ in dtype; give the dataset labels.float()",
    "does not require grad": (
        "no gradient reaches the loss: the model has no trainable parameter, or it computes under "
        "torch.no_grad() or on detached tensors; torch.set_grad_enabled(True) ends what an earlier "
        "cell may have switched off"
    ),
}


@contextmanager
def failures_explained() -> Iterator[None]:
    """What torch raises within the block becomes a ValueError that says what to do, if it is known."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        for pattern, explanation in EXPLANATIONS.items():
            if re.search(pattern, str(error)) and explanation not in str(error):
                raise ValueError(f"{explanation} (torch says: {error})") from error
        raise
