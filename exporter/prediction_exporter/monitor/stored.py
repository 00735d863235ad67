"""What is stored in the state: that of each model, and what belongs to none."""

from __future__ import annotations

from prediction_exporter.config import Config
from prediction_exporter.monitor import costs, notes


def stored_names(config: Config) -> list[str]:
    """Return the names that something is stored under: the models', and those of notes and costs."""
    return [*(model.name for model in config.models), notes.STORED_AS, costs.STORED_AS]
