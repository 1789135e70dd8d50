"""The list of problems that `verify` builds: from samples that break a rule, and from damaged files.

A problem is {"file", "sample", "rule", "message"}; `sample` counts in that file and is None when the file as
a whole is meant. Each rule names at most ten samples of a file and counts the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np

from pipeline.shards.rules import Rule

SHOWN_PER_RULE: Final = 10

T = TypeVar("T")


@dataclass
class Findings:
    """The problems found so far."""

    problems: list[dict[str, Any]] = field(default_factory=list)

    def add(self, file: str, rule: str, message: str, *, sample: int | None = None) -> None:
        """Record a problem."""
        self.problems.append({"file": file, "sample": sample, "rule": rule, "message": message})

    def attempt(self, file: str, rule: str, action: Callable[[], T]) -> T | None:
        """The action's result, or None after recording its exception: damaged bytes may raise anything."""
        try:
            return action()
        except Exception as error:
            self.add(file, rule, str(error) or type(error).__name__)
            return None

    def add_broken(self, file: str, rule: Rule) -> None:
        """Record the samples that break a rule."""
        broken = np.flatnonzero(rule.broken)
        for sample in broken[:SHOWN_PER_RULE].tolist():
            message = f"{rule.what}: found {rule.found[sample]}, expected {rule.expected}"
            self.add(file, rule.name, message, sample=sample)
        if len(broken) > SHOWN_PER_RULE:
            self.add(
                file, rule.name, f"{rule.what}: {len(broken) - SHOWN_PER_RULE} more samples like the last"
            )
