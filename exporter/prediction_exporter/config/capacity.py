"""What a model's service is built for: what it can bear, and how many replicas it has."""

from __future__ import annotations

from pydantic import Field, model_validator

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import Count, Positive, refuse


class Capacity(Section):
    """What all replicas of the model server can bear together."""

    requests_per_second: Positive | None = Field(None, description="Requests a second, all replicas together.")
    concurrency: Positive | None = Field(
        None, description="Requests at the same time, all replicas together: workers times replicas, as a rule."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Capacity:
        if self.requests_per_second is None and self.concurrency is None:
            raise refuse("says nothing", "requests_per_second, concurrency, or both")
        return self


class Replicas(Section):
    """How many replicas of the model server there are to be."""

    expected: Count = Field(description="Replicas, each with an exporter beside it, that are to run at all times.")
