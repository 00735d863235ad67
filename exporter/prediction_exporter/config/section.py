"""What all sections of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of the configuration whose keys are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")
