"""The sections that say which files are kept for a model, and which one shows that it was trained anew."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import GlobPath


class Storage(Section):
    """Files that are kept for a model: logs, features, artefacts."""

    paths: Annotated[tuple[GlobPath, ...], Field(min_length=1)] = Field(
        description="Files, folders with everything below them, and globs; relative to the configuration file."
    )


class Retraining(Section):
    """What shows that a training of the model has ended."""

    artifact: GlobPath = Field(
        description="File that a training writes anew, or a glob or folder whose newest file is one; relative to the "
        "configuration file."
    )
