"""Service level objectives of a model, written in the configuration or read from OpenSLO documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, ValidationInfo

from prediction_exporter.config.openslo import Objectives, OpenSloError, read
from prediction_exporter.config.section import Section
from prediction_exporter.config.values import DurationValue, FilePath, Ratio, between, refuse


class LatencyObjective(Section):
    """How many requests must be how fast."""

    under: Annotated[DurationValue, between("1ms", "1h")] = Field(description="Duration that is fast enough; 1ms to 1h.")
    ratio: Ratio = Field(description="Share of requests that must be that fast; between 0 and 1.")


class FreshnessObjective(Section):
    """How new the newest prediction must be, for how much of the time."""

    within: Annotated[DurationValue, between("1m", "31d")] = Field(
        description="Age of the newest prediction that is still fresh; 1m to 31d."
    )
    ratio: Ratio = Field(description="Share of the time in which it must be that fresh; between 0 and 1.")


class Slo(Section):
    """Service level objectives."""

    availability: Ratio | None = Field(None, description="Share of requests that must succeed; between 0 and 1.")
    latency: LatencyObjective | None = Field(None, description="How many requests must be how fast.")
    freshness: FreshnessObjective | None = Field(None, description="How new the newest prediction must be.")
    openslo: FilePath | None = Field(
        None,
        description="File of OpenSLO documents that the objectives are read from, in place of the other keys.",
    )

    _unused: tuple[str, ...] = PrivateAttr(())

    @property
    def unused(self) -> tuple[str, ...]:
        """Say what of the OpenSLO documents has no effect, a sentence each."""
        return self._unused

    @classmethod
    def resolved(cls, found: Objectives) -> Slo:
        """Return what documents say.

        Raises:
            ValidationError: a duration is out of range.
        """
        slo = cls(
            availability=found.availability,
            latency=None if found.latency is None else LatencyObjective.model_validate(found.latency),
            freshness=None if found.freshness is None else FreshnessObjective.model_validate(found.freshness),
        )
        slo._unused = found.unused
        return slo


def _resolved(slo: Slo, info: ValidationInfo) -> Slo:
    if slo.openslo is None:
        return slo
    if slo.model_fields_set != {"openslo"}:
        raise refuse("has openslo beside other objectives", "either openslo, or availability, latency and freshness")
    name = info.data.get("name")
    if name is None:  # the name is wrong, which is told
        return slo
    try:
        found = read(slo.openslo, model=name)
    except OpenSloError as error:
        raise refuse(f"has openslo documents that cannot be used: {error}") from None
    try:
        return Slo.resolved(found)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, each['loc']))} {each['msg']}" for each in error.errors())
        raise refuse(f"has an objective out of range: {told}", "latency of 1ms to 1h, freshness of 1m to 31d") from None


#: Objectives with what an OpenSLO file says of them.
ResolvedSlo = Annotated[Slo, AfterValidator(_resolved)]
