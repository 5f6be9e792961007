"""Parameters by name: how a model hands them out, and what it asks of new ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError
from course_utils.numpy_track.model_interface import Params, copy_params

DTYPES = (np.dtype("float16"), np.dtype("float32"), np.dtype("float64"))


class Parameterized:
    """A thing with named parameters, its own and those of its parts; they all have one dtype.

    Names are unique over all of them. Arithmetic is done in the dtype of the parameters: float32 to
    begin with, float64 after ``set_params`` with float64 arrays.
    """

    def __init__(self, params: Mapping[str, np.ndarray], *parts: "Parameterized") -> None:
        self._params: Params = {name: np.float32(values) for name, values in params.items()}  # type: ignore[misc]
        self._parts = parts

    @property
    def dtype(self) -> np.dtype:
        """The dtype of all parameters."""
        return next(iter(self._all_params().values())).dtype

    def get_params(self) -> Params:
        """A copy of every parameter, by name."""
        return {name: values.copy() for name, values in self._all_params().items()}

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Copy these values in, all at once.

        params: every name of ``get_params``, with arrays of the same shapes, finite, all of one dtype:
        float16, float32 or float64. Raises ValueError on anything else, and then nothing has changed.
        """
        self._replace(self._checked(params))

    def _cast(self, name: str, values: np.ndarray) -> np.ndarray:
        """A copy of finite ``values`` in the dtype of the parameters, still finite."""
        cast = values.astype(self.dtype)
        if not np.isfinite(cast).all():
            raise NonFiniteError(f"{name} has numbers beyond the range of {self.dtype}")
        return cast

    def _all_params(self) -> Params:
        merged: Params = {}
        for part in self._parts:
            merged |= part._all_params()
        return merged | self._params

    def _replace(self, params: Params) -> None:
        for part in self._parts:
            part._replace(params)
        self._params = {name: params[name] for name in self._params}

    def _checked(self, params: Mapping[str, Any]) -> Params:
        current, new = self._all_params(), copy_params(params)
        if set(new) != set(current):
            missing, unknown = (
                sorted(set(current) - set(new)),
                sorted(set(new) - set(current), key=str),
            )
            raise ValueError(
                f"params must hold the {len(current)} names of get_params(); missing: {missing}, "
                f"unknown: {unknown}. Change the dict that get_params() returns, and set that"
            )
        for name, values in new.items():
            if values.shape != current[name].shape:
                raise ValueError(
                    f"parameter {name!r} must have shape {current[name].shape}, got {values.shape}"
                )
        dtypes = {values.dtype for values in new.values()}
        if len(dtypes) > 1 or not dtypes <= set(DTYPES):
            raise ValueError(
                "parameters must all be float16, all float32 or all float64, got "
                f"{sorted(map(str, dtypes))}; convert each with .astype"
            )
        return {name: np.ascontiguousarray(new[name]) for name in current}
