"""`kernel`, the decorator of the comment scanner's functions: compiled, cached, without the lock of Python.

None of them makes an array, so none counts references to arrays, which would take two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

kernel: Final[Callable[[_Function], _Function]] = njit(cache=True, nogil=True, _nrt=False)  # type: ignore[call-overload]
