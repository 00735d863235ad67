"""Input series of promtool as samples, a minute apart, so that a test can let something happen to what scrapes them.

What is not scraped is stale at once, as in Prometheus: a failed scrape, and a target that is gone, end the target's series.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from prediction_exporter.kit.cases import together

_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|Inf|NaN)"
_STEPS = re.compile(rf"(?P<first>{_NUMBER})(?:(?P<sign>[+-])(?P<step>{_NUMBER}))?(?:x(?P<times>\d+))?")
_LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')
_COUNTERS = ("_total", "_count", "_sum", "_bucket")

#: A sample; None where there is none, and no end of the series either.
Sample = float | str | None
STALE = "stale"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series.

    Attributes:
        name: of the metric.
        labels: its labels and the target's.
        samples: one a minute, from the first on.
    """

    name: str
    labels: Mapping[str, str]
    samples: tuple[Sample, ...]

    @classmethod
    def parse(cls, text: str) -> Line:
        """Return a series from promtool's notation.

        >>> Line.parse('a{b="c"} 1 _x2 0+2x2').samples
        (1.0, None, None, 0.0, 2.0, 4.0)
        """
        end = text.rindex("}")
        name, _, labels = text[:end].partition("{")
        found = {label: json.loads(f'"{value}"') for label, value in _LABEL.findall(labels)}
        samples = tuple(sample for word in text[end + 1 :].split() for sample in _samples(word))
        return cls(name=name, labels=found, samples=samples)

    def __str__(self) -> str:
        return f"{self.selector} {' '.join(_words(self.samples))}"

    @property
    def selector(self) -> str:
        """The name with its labels."""
        inner = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(self.labels.items()))
        return f"{self.name}{{{inner}}}"

    @property
    def is_counter(self) -> bool:
        """Whether a restart may set it back to 0."""
        return self.name.endswith(_COUNTERS)

    def at(self, minute: int) -> Sample:
        """Return a minute's sample."""
        return self.samples[minute] if minute < len(self.samples) else None

    def steadily(self, since: int, until: int) -> Line:
        """Return the series going on from a minute as it went then: a gauge stays, a counter grows."""
        now, before = self.at(since), self.at(since - 1)
        step = now - before if self._grows(now, before) else 0.0  # type: ignore[operator]  # it does where both are numbers
        after = tuple(now + step * i if isinstance(now, float) else None for i in range(1, until - since + 1))
        kept = (*self.samples[: since + 1], *(None,) * max(0, since + 1 - len(self.samples)))
        return replace(self, samples=(*kept, *after))

    def _grows(self, now: Sample, before: Sample) -> bool:
        return isinstance(now, float) and isinstance(before, float) and (self.is_counter or "timestamp" in self.name)

    def ended(self, at: int) -> Line:
        """Return the series of a target that is gone from a minute on."""
        if all(sample is None for sample in self.samples[at:]):
            return self
        return replace(self, samples=(*self.samples[:at], STALE))

    def begun(self, at: int, instance: str) -> Line:
        """Return the series of a target that begins at a minute where this one is then, with counters at 0."""
        moved = self.on(instance)
        after = moved.reset(at).samples[at:]
        return replace(moved, samples=(*(None,) * at, *after))

    def labelled(self, **more: str) -> Line:
        """Return the same with further labels, as from another monitor that finds the target too."""
        return replace(self, labels={**self.labels, **more})

    def on(self, instance: str) -> Line:
        """Return the same of another instance, named after this one's."""
        return replace(self, labels={**self.labels, "instance": f"{instance}-{self.labels['instance']}"})

    def reset(self, at: int) -> Line:
        """Return the series after a restart: a counter from 0 on, and the time of the start."""
        if self.name == "process_start_time_seconds":
            after: tuple[Sample, ...] = tuple(None if sample is None else 60.0 * at for sample in self.samples[at:])
            return replace(self, samples=(*self.samples[:at], *after))
        numbers = [sample for sample in self.samples[at:] if isinstance(sample, float)]
        if not self.is_counter or not numbers:
            return self
        after = tuple(sample - numbers[0] if isinstance(sample, float) else sample for sample in self.samples[at:])
        return replace(self, samples=(*self.samples[:at], *after))

    def every(self, seconds: int) -> Line:
        """Return the series as it is scraped every so many seconds: what is between two minutes lies on a line, or stays.

        >>> str(Line.parse('a_total{} 0+60x2').every(30)), str(Line.parse('a{} 0 6x2').every(120))
        ('a_total{} 0+30x4', 'a{} 0+6x1')
        """
        taken = []
        for at in range(0, (len(self.samples) - 1) * 60 + 1, seconds):
            minute, rest = divmod(at, 60)
            now, later = self.at(minute), self.at(minute + 1)
            grows = rest and self._grows(later, now)
            taken.append(now + (later - now) * rest / 60 if grows else now)  # type: ignore[operator]  # it does where both are numbers
        return replace(self, samples=tuple(taken))

    def unanswered(self, at: int, minutes: int) -> Line:
        """Return the series of a target that does not answer for some minutes; that it is a target is known meanwhile."""
        end = at + minutes
        if all(sample is None for sample in self.samples[at:end]):
            return self
        missing = (0.0,) * minutes if self.name == "up" else (STALE, *(None,) * (minutes - 1))
        return replace(self, samples=(*self.samples[:at], *missing, *self.samples[end:]))


def lines(texts: Iterable[str]) -> tuple[Line, ...]:
    """Return the series of a test, each once."""
    return tuple(map(Line.parse, together(texts)))


def _samples(word: str) -> Iterable[Sample]:
    if word.startswith("_"):
        return (None,) * int(word.removeprefix("_").removeprefix("x") or 1)
    if word == STALE:
        return (STALE,)
    found = _STEPS.fullmatch(word)
    if found is None:
        raise ValueError(f"{word} is no series of samples")
    first, step = float(found["first"]), float((found["sign"] or "+") + (found["step"] or "0"))
    return tuple(first + step * i for i in range(int(found["times"] or 0) + 1))


def _words(samples: tuple[Sample, ...]) -> Iterable[str]:
    """Return promtool's notation, of runs that stay or grow evenly."""
    at = 0
    while at < len(samples):
        first = samples[at]
        if not isinstance(first, float):
            run = _length(samples, at, first)
            yield f"_x{run}" if first is None else " ".join([STALE] * run)
            at += run
            continue
        following = samples[at + 1] if at + 1 < len(samples) else None
        step = following - first if isinstance(following, float) else 0.0
        run = 1
        while at + run < len(samples) and samples[at + run] == first + step * run:
            run += 1
        yield _written(first, step, run - 1)
        at += run


def _length(samples: tuple[Sample, ...], at: int, value: Sample) -> int:
    end = at
    while end < len(samples) and samples[end] == value:
        end += 1
    return end - at


def _written(first: float, step: float, times: int) -> str:
    if times == 0:
        return _number(first)
    if step == 0:
        return f"{_number(first)}x{times}"
    return f"{_number(first)}{'+' if step > 0 else '-'}{_number(abs(step))}x{times}"


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")
