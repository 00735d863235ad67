"""Why no process is found."""

from __future__ import annotations

from typing import Literal

#: ``not_found``: it is not there; ``denied``: whether it is cannot be told; ``unsupported``: not on this system.
Reason = Literal["not_found", "denied", "unsupported"]


class MissingError(Exception):
    """No process is found.

    Attributes:
        reason: a word for it.
    """

    def __init__(self, reason: Reason, problem: str) -> None:
        super().__init__(problem)
        self.reason: Reason = reason
