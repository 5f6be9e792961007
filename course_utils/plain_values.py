"""Values that ``torch.load(weights_only=True)`` reads, so that reading a file can run nobody's code."""

from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

_AS_THEY_ARE = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray),
    *(torch.Size, torch.dtype, torch.device, torch.layout),
)
_LAYOUTS = (
    *(torch.strided, torch.sparse_coo),
    *(torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc),
)
#: A NumPy number or array is kept as ``{_NUMPY: its dtype, "value": number or tensor}``, and
#: comes back as what it was: a rate of float32 is rounded in every step of a schedule, a float is not.
_NUMPY = "numpy dtype"
_NUMBERS = "?bhilqBHILQefdFD"  # NumPy's codes of numbers, without long double


def to_plain(value: Any, name: str) -> Any:
    """A copy of ``value`` out of tensors, numbers, strings and containers of them, nothing else.

    Tensors are referred to, not copied. name: of the value, for the error. Raises ValueError on
    whatever could not be read back safely, by its name in ``value``, its type, and a way out.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, np.generic | np.ndarray) and value.dtype.char in _NUMBERS:
        return {_NUMPY: value.dtype.str, "value": _of_numpy(value)}
    if isinstance(value, Tensor):
        return _of_tensor(value, name)
    if kind in (list, tuple):
        return kind(to_plain(item, f"{name}[{i}]") for i, item in enumerate(value))
    if kind is set:
        return {_key(item, name) for item in value}
    if kind in (dict, OrderedDict, Counter):
        plain = kind()
        for key, item in value.items():
            plain[_key(key, name)] = to_plain(item, f"{name}[{key!r}]")
        for key, item in getattr(value, "__dict__", {}).items():  # of a model: versions of modules
            setattr(plain, key, to_plain(item, f"{name}.{key}"))
        return plain
    dtype = f" of dtype {value.dtype}" if isinstance(value, np.generic | np.ndarray) else ""
    raise ValueError(
        f"{name} is a {kind.__module__}.{kind.__qualname__}{dtype}, which cannot be kept so that "
        "reading it back is safe; use numbers, strings, tensors, or lists, tuples and dicts of them"
    )


def from_plain(value: Any) -> Any:
    """What ``to_plain`` was given; lists and dicts are changed in place."""
    if isinstance(value, dict) and value.keys() == {_NUMPY, "value"}:
        dtype, number = np.dtype(value[_NUMPY]), value["value"]
        is_array = isinstance(number, Tensor)
        return number.numpy().astype(dtype) if is_array else dtype.type(number)
    if isinstance(value, dict):
        for key in value:
            value[key] = from_plain(value[key])
    elif type(value) in (list, tuple):
        return type(value)(from_plain(item) for item in value)
    return value


def _of_numpy(value: np.generic | np.ndarray) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("="), order="C"))


def _of_tensor(value: Tensor, name: str) -> Tensor:
    if isinstance(value, UninitializedTensorMixin):
        raise ValueError(
            f"{name} has no shape yet, for a lazy module learns it from its first batch; call "
            "model(inputs) once before you save"
        )
    if value.is_meta:
        raise ValueError(
            f"{name} is on the meta device, so it has a shape and no values; give it some before "
            "you save (model.to_empty(device='cpu'), then initialize it)"
        )
    if type(value) not in (Tensor, nn.Parameter) or value.layout not in _LAYOUTS or value.is_nested:
        raise ValueError(
            f"{name} is a {type(value).__name__} with layout {value.layout}, which cannot be read "
            "back safely; convert it to an ordinary tensor (to_dense, unbind or torch.Tensor)"
        )
    return value.detach()  # without its graph, and without attributes that somebody gave it


def _key(value: Any, name: str) -> Any:
    """A key of a dict or a member of a set: numbers of NumPy become Python's, which are equal."""
    if isinstance(value, np.generic) and value.dtype.char in _NUMBERS + "U":
        value = value.item()
    if type(value) is tuple:
        return tuple(_key(item, name) for item in value)
    if type(value) not in _AS_THEY_ARE:
        raise ValueError(
            f"{name} has a key that is a {type(value).__name__}; use numbers or strings as keys"
        )
    return value
