"""The one kernel that moves tokens: copy many spans from one array to another.

Callers have checked that spans lie inside both arrays; numba does not. Runs at the speed of memory for
samples of more than about a hundred tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit


def copy_samples(
    source: npt.NDArray[Any],
    source_offsets: npt.NDArray[np.int64],
    target: npt.NDArray[Any],
    target_offsets: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int32],
) -> None:
    """Copy sample i, `lengths[i]` tokens from `source_offsets[i]` on, to `target_offsets[i]`."""
    if len(lengths) == 0:
        return
    assert source.dtype == target.dtype
    assert source_offsets.min() >= 0
    assert target_offsets.min() >= 0
    assert lengths.min() >= 0
    assert (source_offsets + lengths).max() <= len(source)
    assert (target_offsets + lengths).max() <= len(target)
    _copy(source, source_offsets, target, target_offsets, lengths)


@njit(cache=True, nogil=True)
def _copy(
    source: npt.NDArray[Any],
    source_offsets: npt.NDArray[np.int64],
    target: npt.NDArray[Any],
    target_offsets: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int32],
) -> None:
    for sample in range(len(lengths)):
        start, target_start = source_offsets[sample], target_offsets[sample]
        for index in range(lengths[sample]):
            target[target_start + index] = source[start + index]
