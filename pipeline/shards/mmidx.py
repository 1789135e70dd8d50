"""The `.idx` beside a `.bin`: Megatron's MMIDIDX version 1; one sequence is one document is one sample.

Written from lengths alone; read back with every field checked against every other, so an index that
`read_index` accepts is consistent in itself and cannot point outside a `.bin` of `token_count` tokens. 20
bytes a sample.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.store import committed

MAGIC: Final = b"MMIDIDX\x00\x00"
VERSION: Final = 1
DTYPE_CODES: Final = {"uint16": 8, "int32": 4}
_HEADER: Final = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, document bounds: 34 bytes


class Index(NamedTuple):
    """What an `.idx` says: the tokens' dtype and `lengths` i32[samples]; the rest follows from them."""

    dtype: str
    lengths: npt.NDArray[np.int32]

    @property
    def token_count(self) -> int:
        """Tokens in the `.bin`."""
        return int(self.lengths.sum(dtype=np.int64))


def token_dtype(vocab_size: int) -> str:
    """The dtype of token ids on disk: Megatron reads 16 bits below a vocabulary of 65,500, else 32."""
    return "uint16" if vocab_size < 65_500 else "int32"


def write_index(path: Path, lengths: npt.NDArray[np.int32], *, dtype: str) -> None:
    """Commit the index of samples of these lengths, which stand back to back in the `.bin`."""
    bounds = np.zeros(len(lengths) + 1, "<i8")
    np.cumsum(lengths, out=bounds[1:])
    with committed(path) as temporary, temporary.open("wb") as stream:
        stream.write(_HEADER.pack(MAGIC, VERSION, DTYPE_CODES[dtype], len(lengths), len(lengths) + 1))
        stream.write(lengths.astype("<i4").tobytes())
        stream.write((bounds[:-1] * np.dtype(dtype).itemsize).tobytes())
        stream.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


def read_index(path: Path) -> Index:
    """Read an index. Raises ValueError when it is damaged or is not one sample a sequence, back to back."""
    data = path.read_bytes()
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        raise ValueError(
            f"{path} does not begin with {MAGIC!r}: it is not a Megatron index; write the shards again"
        )
    _, version, code, count, bound_count = _HEADER.unpack_from(data)
    names = {value: name for name, value in DTYPE_CODES.items()}
    if version != VERSION or code not in names:
        raise ValueError(
            f"{path} has version {version} and dtype code {code}, expected 1 and one of {sorted(names)}"
        )
    if bound_count != count + 1 or len(data) != _HEADER.size + 20 * count + 8:
        raise ValueError(
            f"{path} has {len(data)} bytes for {count} sequences and {bound_count} document bounds, expected "
            f"{_HEADER.size + 20 * count + 8} bytes and {count + 1} bounds: it is cut short or damaged"
        )
    return _checked_index(path, data, count, names[code])


def _checked_index(path: Path, data: bytes, count: int, dtype: str) -> Index:
    lengths = np.frombuffer(data, "<i4", count, _HEADER.size)
    pointers = np.frombuffer(data, "<i8", count, _HEADER.size + 4 * count)
    documents = np.frombuffer(data, "<i8", count + 1, _HEADER.size + 12 * count)
    ends = np.cumsum(lengths, dtype=np.int64) * np.dtype(dtype).itemsize
    if (lengths < 1).any():
        raise ValueError(
            f"{path} gives sample {int((lengths < 1).argmax())} no tokens: every sample has at least one"
        )
    if count and (pointers[0] != 0 or (pointers[1:] != ends[:-1]).any()):
        raise ValueError(
            f"{path} has byte pointers that are not the running sum of its lengths: write it again"
        )
    if (documents != np.arange(count + 1)).any():
        raise ValueError(f"{path} has document bounds other than 0, 1, 2, …: one sample must be one document")
    return Index(dtype, lengths)
