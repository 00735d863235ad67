"""Generations of a language model: what is told of one, without a word of what was asked and answered.

Prompts, answers and what tools are called with are looked at only to be counted. Names, as of the model, are taken where they
look like one: a text of a person does not become a category.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prediction_exporter.config import MeasuredDuration
from prediction_exporter.sources.fields.measured import Measured

#: What stands for a number that is none: its text may be anybody's.
NO_NUMBER = "?"

#: What stands for a name that does not look like one.
NO_NAME = "other"

_NAME = re.compile(r"[\w.:/@+-]{1,100}")

#: What no counter comes to; NaN is not below it either.
_BEYOND = 2.0**63

#: Reasons to end that mean that an answer was held back: of OpenAI, Anthropic, Gemini and Bedrock, in Python's spelling.
_HELD_BACK = frozenset(
    {
        *("content_filter", "refusal", "safety", "blocklist", "prohibited_content", "spii", "recitation", "image_safety"),
        *("guardrail_intervened", "content_filtered"),
    }
)

#: What is added up of every generation, and what is observed beside its latency.
MEASURED = Measured(
    sums={name: f"features.{name}" for name in ("input_tokens", "output_tokens", "cached_tokens", "tool_calls", "cost")},
    durations={
        "time_to_first_token": MeasuredDuration(field="time_to_first_token_ms", unit="ms"),
        "time_per_output_token": MeasuredDuration(field="time_per_output_token_ms", unit="ms"),
    },
)

#: What the notes of each layout of generations say.
NOTES = (
    "Prompts, answers and arguments of tools are counted and not kept, and no line is shown as an example of what is refused.",
    "Input tokens include the cached ones, output tokens those of reasoning: neither is to be added to them.",
    "A record counts once for each time that it is logged: have wrappers and what they call not both logged.",
    "Records without a time take that of reading. Costs are in the currency that they are logged in: LiteLLM's is US dollars.",
    "A generation is one prediction, however many choices it has: the finish reason is that of the first.",
)


@dataclass(kw_only=True)
class Generation:
    """What a record tells of a generation; None is what it does not.

    Attributes:
        time: when it ended, or else began, as it is written.
        latency_ms: how long it took.
        first_token_ms: how long it took to its first token, where tokens were streamed.
        finish: why it ended.
        numbers, names: its features.
    """

    time: Any = None
    id: Any = None
    version: Any = None
    status: Any = None
    finish: Any = None
    latency_ms: float | None = None
    first_token_ms: float | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)

    def event(self) -> dict[str, Any]:
        """Return the flat event."""
        numbers = {name: number_of(value) for name, value in self.numbers.items()}
        names = {name: name_of(value) for name, value in self.names.items()}
        finish = name_of(self.finish)
        if finish is not None and finish.lower().replace("-", "_") in _HELD_BACK and names.get("refusal") in (None, "none"):
            names["refusal"] = "content_filter"
        features = {name: value for name, value in (names | numbers).items() if value is not None}
        found = {
            "time": self.time,
            "id": name_of(self.id),
            "version": name_of(self.version),
            "status": self.status,
            "prediction": finish,
            "latency_ms": self.latency_ms,
            "time_to_first_token_ms": self.first_token_ms,
            "time_per_output_token_ms": self._per_output_token(numbers.get("output_tokens")),
            "features": features or None,
        }
        event = {name: value for name, value in found.items() if value is not None}
        # Where others have an id, an event without one is refused, and a request that failed has none of an answer.
        event.setdefault("id", f"unnamed-{_digest(event)}")
        return event

    def _per_output_token(self, tokens: Any) -> float | None:
        """Return the time between tokens, from the first to the last."""
        if self.latency_ms is None or self.first_token_ms is None or not isinstance(tokens, int | float) or tokens <= 1:
            return None
        rest = self.latency_ms - self.first_token_ms
        return rest / (tokens - 1) if rest >= 0 else None


def _digest(event: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(event, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


def number_of(value: Any) -> Any:
    """Return a number, also one that is written as text; :data:`NO_NUMBER` for anything else that is there.

    >>> number_of("150"), number_of(-1), number_of(True), number_of("a secret"), number_of(None)
    (150, -1, '?', '?', None)
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) < _BEYOND else NO_NUMBER
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return NO_NUMBER
        return (int(number) if number.is_integer() else number) if abs(number) < _BEYOND else NO_NUMBER
    return NO_NUMBER


def name_of(value: Any) -> str | None:
    """Return a name; :data:`NO_NAME` for a text that is none, and None where there is nothing.

    >>> name_of("gpt-4o"), name_of(True), name_of(""), name_of("tell me a secret"), name_of({})
    ('gpt-4o', 'true', None, 'other', None)
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)[:100]
    if not isinstance(value, str) or not value:
        return None
    return value if _NAME.fullmatch(value) else NO_NAME


def objects_in(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list, or of a text of one; none where there is none."""
    listed = parsed(value)
    return [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []


def object_in(value: Any) -> Mapping[str, Any]:
    """Return an object, also one that is written as text; an empty one where there is none."""
    found = parsed(value)
    return found if isinstance(found, Mapping) else {}


def parsed(value: Any) -> Any:
    """Return what a text is that is JSON; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
