"""Models for the tests of the NumPy track: two small ones of their own, and the recurrent ones.

The small ones keep the arrays they are given and hand out their own, as a student's first model would:
whoever forgets to copy is found out.
"""

import numpy as np

from course_utils.numpy_track.losses import loss_and_output_grad
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.relational_rnn import RelationalRNN


class TanhModel:
    """y = tanh(x U + a) V + c at every step of (B, T, F); without return_sequences at the last one.

    Only forward, get_params and set_params: it trains by numerical gradients. Inputs (B, F) have no
    steps.
    """

    def __init__(self, num_features=3, num_hidden=4, num_outputs=3, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        shapes = {
            "U": (num_features, num_hidden),
            "a": (num_hidden,),
            "V": (num_hidden, num_outputs),
            "c": (num_outputs,),
        }
        self.params = {
            name: rng.normal(0, 0.5, shape).astype(dtype) for name, shape in shapes.items()
        }

    def forward(self, X, return_sequences=False):
        if X.ndim == 3 and not return_sequences:
            X = X[:, -1]
        self.X = X
        self.hidden = np.tanh(X @ self.params["U"] + self.params["a"])
        return self.hidden @ self.params["V"] + self.params["c"]

    def get_params(self):
        return self.params

    def set_params(self, params):
        self.params = params


class TanhModelWithGrads(TanhModel):
    """The same with exact gradients. Targets of three dimensions, or ids (B, T), are one per step."""

    def loss_and_grads(self, X, y, task="classification"):
        y = np.asarray(y)
        sequences = y.ndim == 3 or (y.ndim == 2 and y.dtype.kind in "iu")
        predictions = self.forward(X, return_sequences=sequences)
        loss, slope = loss_and_output_grad(predictions, y, task)
        slope = slope.reshape(-1, slope.shape[-1])
        hidden = self.hidden.reshape(len(slope), -1)
        before_tanh = (slope @ self.params["V"].T) * (1 - hidden**2)
        grads = {
            "U": self.X.reshape(len(slope), -1).T @ before_tanh,
            "a": before_tanh.sum(axis=0),
            "V": hidden.T @ slope,
            "c": slope.sum(axis=0),
        }
        return loss, grads, predictions


def float64_copy(params):
    return {name: np.array(values, dtype=np.float64) for name, values in params.items()}


def copied(model):
    return {name: values.copy() for name, values in model.get_params().items()}


def assert_unchanged(model, before):
    after = model.get_params()
    assert after.keys() == before.keys()
    for name, values in before.items():
        assert after[name].dtype == values.dtype
        np.testing.assert_array_equal(after[name], values, err_msg=name)


def classes(num_rows=24, num_steps=5, num_features=3, num_classes=3, seed=0, dtype=np.float32):
    """Inputs (B, T, F), and the class that a random linear map of the last step says."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(num_rows, num_steps, num_features)).astype(dtype)
    y = (X[:, -1] @ rng.normal(size=(num_features, num_classes))).argmax(axis=1)
    return X, y


#: Every kind of recurrent model, by what is special about it; called with the number of outputs.
RECURRENT = {
    "LSTM": lambda C: LSTM(2, 4, C, rng=0),
    "LSTM with readout": lambda C: LSTM(2, 4, C, readout_size=3, rng=0),
    "unit gates, one head": lambda C: RelationalRNN(2, 3, C, 3, 4, 1, rng=0),
    "unit gates, two heads": lambda C: RelationalRNN(2, 3, C, 2, 4, 2, key_size=3, rng=0),
    "memory gates, one head": lambda C: RelationalRNN(2, 3, C, 2, 4, 1, gate="memory", rng=0),
    "memory gates, four heads": lambda C: RelationalRNN(2, 3, C, 3, 4, 4, gate="memory", rng=0),
}


def stirred(model, seed=0, scale=0.4):
    """The model in float64, every parameter moved: ones and zeros of the start would hide mistakes."""
    rng = np.random.default_rng(seed)
    params = float64_copy(model.get_params())
    model.set_params({k: v + rng.normal(0, scale, v.shape) for k, v in params.items()})
    return model
