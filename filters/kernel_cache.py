"""Compiled kernels that call kernels of other files: forget them when any of those files changes.

numba's cache looks only at the file that defines a kernel, so after an edit of a callee in another file it
would go on running the old code. A package whose kernels span files calls `forget_stale_kernels(__file__)` on
import; that is a few file times, 0.1 ms.
"""

from __future__ import annotations

from pathlib import Path


def forget_stale_kernels(module_file: str) -> int:
    """Delete cached kernels beside a module that are older than any source file of its folder; returns how
    many.
    """
    folder = Path(module_file).parent
    newest = max(path.stat().st_mtime_ns for path in folder.glob("*.py"))
    stale = [path for path in folder.glob("__pycache__/*.nb[ic]") if path.stat().st_mtime_ns < newest]
    for path in stale:
        path.unlink(missing_ok=True)  # another process may forget it at the same time
    return len(stale)
