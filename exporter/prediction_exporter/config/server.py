"""The section that ties the series of a model server to a model."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import Matching, Positive, Text, context_of, refuse, refuse_key
from prediction_exporter.servers import SERVERS, Bound
from prediction_exporter.servers import Server as Kind
from prediction_exporter.servers.base import bound_for

if TYPE_CHECKING:
    ServerKind = str
else:
    ServerKind = Literal[tuple(SERVERS)]

Label = Annotated[
    str, Matching(r"[a-zA-Z_][a-zA-Z0-9_]*", "is no name of a label", "letters, digits and _, not beginning with a digit")
]


class Server(Section):
    """The model server's own metrics, which rules of the kit make the model's service level of."""

    kind: ServerKind = Field(description="What serves the model.")
    match: Annotated[Mapping[Label, Text], Field(min_length=1)] = Field(
        description="Labels that the model's series have in Prometheus, each with its value; those of the target too."
    )
    buckets: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="Bounds of the server's histogram of durations, in seconds, where they are not its usual ones."
    )

    @field_validator("match")
    @classmethod
    def _tells_the_model(cls, match: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        kind = SERVERS.get(info.data.get("kind", ""))
        if kind is None:
            return match
        missing = [label for label in kind.model_labels if label not in match]
        if missing:
            example = ", ".join(f"{label}: {value}" for label, value in kind.example)
            raise refuse(
                f"does not name {' and '.join(missing)}, which tells the model", f"for {kind.kind} such as {{{example}}}"
            )
        read = [label for label in match if label in ("__name__", "le", *kind.outcome)]
        if read:
            raise refuse(f"names {read[0]}, which is read to count", "labels that tell which model it is")
        known = context_of(info).matches
        own = (kind.kind, *sorted(match.items()))
        if own in known:
            raise refuse("is that of another model: both would count the same requests", "labels that tell the two apart")
        known.add(own)
        return match

    @field_validator("buckets")
    @classmethod
    def _of_a_histogram(cls, buckets: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        kind = SERVERS.get(info.data.get("kind", ""))
        if buckets is not None and kind is not None and kind.duration is None:
            raise refuse_key(f"has no meaning: {kind.kind} has no histogram of a model's durations", "no buckets")
        if buckets is not None and any(left >= right for left, right in pairwise(buckets)):
            raise refuse("is not in ascending order", "bounds in seconds, the smallest first")
        return buckets

    @property
    def of_kind(self) -> Kind:
        """What is known of the kind."""
        return SERVERS[self.kind]

    @property
    def shown(self) -> str:
        """What is watched, for people."""
        return f"series of its model server: {self.kind} {self.matched}"

    @property
    def matched(self) -> str:
        """The match on one line, by which rules know what they were rendered for."""
        return ",".join(f"{label}={value}" for label, value in sorted(self.match.items()))

    @property
    def bounds(self) -> tuple[float, ...]:
        """Bounds of the histogram in seconds; none where there is no histogram."""
        return self.buckets or (self.of_kind.duration.seconds if self.of_kind.duration is not None else ())

    def bound_for(self, limit: float) -> Bound | None:
        """Return the bound of the histogram that stands for a limit in seconds; None where there is none."""
        return bound_for(limit, self.bounds)
