"""Rendering of samples: the Prometheus text format 0.0.4 and OpenMetrics 1.0.0.

The evaluation of each model renders its own lines into a :class:`Samples`; :func:`render` joins them by family into a
:class:`Snapshot` that holds every byte a scrape can ask for, so that a scrape only sends. Both formats share the sample
lines and differ in the lines above them.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from prometheus_client.utils import floatToGoString

from prediction_exporter.families import Family

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_GZIP_LEVEL = 1  # level 9 takes ten times as long and saves a few per cent of such repetitive text


def escape(value: str) -> str:
    """Return a label value as it stands between the quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """Return labels as they stand between the braces.

    >>> label_text(("model", "version"), ("m", "1"))
    'model="m",version="1"'
    """
    return ",".join(f'{name}="{escape(value)}"' for name, value in zip(names, values, strict=True))


def sample_prefix(name: str, labels: str) -> str:
    """Return what stands before the value of a sample; ``labels`` come from :func:`label_text`."""
    return f"{name}{{{labels}}} " if labels else f"{name} "


def number(value: float) -> str:
    """Return a value with all its digits, so that parsing it gives the same float.

    >>> number(3.0), number(0.1), number(-math.inf)
    ('3', '0.1', '-Inf')
    """
    value = float(value)
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


@lru_cache(maxsize=4096)
def _bound(value: float) -> str:
    """Return a bucket bound as OpenMetrics wants it: two clients must not write one bound in two ways."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the client leaves this function untyped


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One of the values that a bucket counts, and the request that it comes from.

    Attributes:
        labels: from :func:`label_text`; OpenMetrics allows 128 characters of names and values together.
        time: of the request, as Unix time.
    """

    labels: str
    value: float
    time: float

    def __str__(self) -> str:
        return f" # {{{self.labels}}} {number(self.value)} {number(self.time)}"


class Samples:
    """Sample lines by family, in the order in which they were added.

    Attributes:
        lines: by the family's name: hashing a whole family for every sample is slow.
        exemplars: by the family's name, what OpenMetrics has behind the line at an index.
        created: by the family's name, the line that OpenMetrics has after the line at an index: since when it counts.
    """

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.exemplars: dict[str, dict[int, str]] = {}
        self.created: dict[str, dict[int, str]] = {}

    @property
    def series(self) -> int:
        """Number of sample lines."""
        return sum(map(len, self.lines.values()))

    def read(self, family: Family) -> list[tuple[dict[str, str], float]]:
        r"""Return the labels and the value of each sample of a family.

        >>> samples, family = Samples(), Family(name="a", type="gauge", labels=("b",), group="c", help="d")
        >>> samples.add(family, label_text(("b",), ['x "y"']), 1.5)
        >>> samples.read(family)
        [({'b': 'x "y"'}, 1.5)]
        """
        found = []
        for line in self.lines.get(family.name, []):
            labels, _, value = line.removeprefix(family.name).rpartition(" ")
            pairs = {name: _ESCAPED.sub(_unescaped, text) for name, text in _LABEL.findall(labels)}
            found.append((pairs, float(value)))
        return found

    def copy(self) -> Samples:
        """Return the same lines, to which others can be added."""
        copied = Samples()
        copied.lines = {name: list(lines) for name, lines in self.lines.items()}
        copied.exemplars = {name: dict(found) for name, found in self.exemplars.items()}
        copied.created = {name: dict(found) for name, found in self.created.items()}
        return copied

    def without(self, names: Collection[str]) -> Samples:
        """Return the samples of all other families."""
        left = Samples()
        left.lines = {name: lines for name, lines in self.lines.items() if name not in names}
        left.exemplars, left.created = self.exemplars, self.created
        return left

    def openmetrics(self, name: str, *, start_timestamps: bool) -> list[str]:
        """Return the lines of a family as OpenMetrics has them."""
        exemplars, created = self.exemplars.get(name, {}), self.created.get(name, {}) if start_timestamps else {}
        lines = self.lines.get(name, [])
        if not exemplars and not created:
            return lines
        return [
            text
            for index, line in enumerate(lines)
            for text in (line + exemplars.get(index, ""), created.get(index))
            if text is not None
        ]

    def add(self, family: Family, labels: str, value: float, *, created: float | None = None) -> None:
        """Add one sample; ``labels`` come from :func:`label_text`, ``created`` is since when a counter counts."""
        self._of(family).append(sample_prefix(family.name, labels) + number(value))
        self._note_created(family, labels, created)

    def _note_created(self, family: Family, labels: str, created: float | None) -> None:
        if created is not None:
            line = sample_prefix(f"{family.name.removesuffix('_total')}_created", labels) + number(created)
            self.created.setdefault(family.name, {})[len(self.lines[family.name]) - 1] = line

    def extend(self, family: Family, prefixes: Sequence[str], values: Sequence[float] | NDArray[np.generic]) -> None:
        """Add one sample for each prefix from :func:`sample_prefix`, and none where the value is NaN."""
        array = np.asarray(values, dtype=np.float64)
        if array.shape != (len(prefixes),):
            raise ValueError(f"{family}: {len(prefixes)} prefixes for values of shape {array.shape}")
        pairs = zip(prefixes, array.tolist(), strict=True)
        if np.isfinite(array).all():  # the usual case, without a function call for each value
            self._of(family).extend([prefix + repr(value).removesuffix(".0") for prefix, value in pairs])
        else:
            self._of(family).extend([prefix + number(value) for prefix, value in pairs if not math.isnan(value)])

    def histogram(
        self,
        family: Family,
        labels: str,
        bounds: Sequence[float],
        counts: Sequence[int],
        total_sum: float,
        *,
        created: float | None = None,
        exemplars: Mapping[int, Exemplar] = MappingProxyType({}),
    ) -> None:
        """Add one histogram from its count in each bucket, of which the last is the one above all bounds.

        ``exemplars`` are by the index of the bucket that holds them, ``created`` is since when it counts.

        ``_sum`` and ``_count`` are left out where values may be negative: the sum could fall, which ``rate()`` takes
        for a restart, and OpenMetrics forbids it, and ``_count`` without it. The bucket ``+Inf`` holds it anyway.
        """
        start = f"{family.name}_bucket{{{labels}," if labels else f"{family.name}_bucket{{"
        cumulative = list(accumulate(int(count) for count in counts))
        lines = self._of(family)
        if exemplars:
            of_family = self.exemplars.setdefault(family.name, {})
            of_family.update({len(lines) + bucket: str(exemplar) for bucket, exemplar in exemplars.items()})
        lines.extend(
            f'{start}le="{_bound(float(bound))}"}} {count}'
            for bound, count in zip((*bounds, math.inf), cumulative, strict=True)
        )
        if total_sum >= 0 and min(bounds, default=0.0) >= 0:
            lines.append(sample_prefix(f"{family.name}_sum", labels) + number(total_sum))
            lines.append(f"{sample_prefix(f'{family.name}_count', labels)}{cumulative[-1]}")
        self._note_created(family, labels, created)

    def _of(self, family: Family) -> list[str]:
        return self.lines.setdefault(family.name, [])


@dataclass(frozen=True)
class Snapshot:
    """A finished exposition in both formats, plain and compressed.

    Attributes:
        groups: where the samples of each group of families begin and end, in ``text`` and in ``openmetrics``.
        created: Unix time.
    """

    text: bytes
    openmetrics: bytes
    text_gzip: bytes
    openmetrics_gzip: bytes
    series: int
    created: float
    groups: Mapping[str, tuple[slice, slice]]

    def only(self, names: Collection[str], *, openmetrics: bool) -> bytes:
        """Return the exposition of some groups, and what the group without a name tells of them by its label ``collector``."""
        whole = self.openmetrics if openmetrics else self.text
        parts = [whole[slices[openmetrics]] for name, slices in self.groups.items() if name in names]
        labels = [label_text(("collector",), (name,)).encode() for name in names]
        told = whole[self.groups[""][openmetrics]].splitlines(keepends=True) if "" in self.groups else []
        parts += [line for line in told if line.startswith(b"#") or any(label in line for label in labels)]
        return b"".join(parts) + (_EOF if openmetrics else b"")


_EOF = b"# EOF\n"


def render(
    parts: Sequence[Samples], groups: Mapping[str, Sequence[Family]], *, created: float, start_timestamps: bool = False
) -> Snapshot:
    """Join parts into one exposition: each family that has samples once, in the order of ``groups``.

    ``start_timestamps`` is whether OpenMetrics tells since when counters count.

    Raises:
        KeyError: a part holds samples of a family that is not among them.
    """
    known = {family.name for families in groups.values() for family in families}
    for part in parts:
        for name in part.lines:
            if name not in known:
                raise KeyError(name)
    text, openmetrics = _Joined(), _Joined()
    places = {}
    for group, families in groups.items():
        began = text.size, openmetrics.size
        for family in families:
            lines = [line for part in parts for line in part.lines.get(family.name, ())]
            if lines:
                body = _body(lines)
                text.add(_text_head(family), body)
                if any(family.name in beside for part in parts for beside in (part.exemplars, part.created)):
                    found = (part.openmetrics(family.name, start_timestamps=start_timestamps) for part in parts)
                    body = _body([line for lines in found for line in lines])
                openmetrics.add(_openmetrics_head(family), body)
        places[group] = slice(began[0], text.size), slice(began[1], openmetrics.size)
    openmetrics.add(_EOF)
    return _snapshot(text.bytes(), openmetrics.bytes(), sum(part.series for part in parts), created, places)


class _Joined:
    """Bytes that are joined once, at the end: copying megabytes is what a snapshot costs."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []

    def add(self, *parts: bytes) -> None:
        self._parts += parts
        self.size += sum(map(len, parts))

    def bytes(self) -> bytes:
        return b"".join(self._parts)


def _body(lines: Sequence[str]) -> bytes:
    # A lone surrogate, which JSON can spell, has no UTF-8 form and must not stop the exposition.
    return ("\n".join(lines) + "\n").encode("utf-8", errors="replace")


def _snapshot(
    text: bytes, openmetrics: bytes, series: int, created: float, groups: Mapping[str, tuple[slice, slice]]
) -> Snapshot:
    return Snapshot(
        text=text,
        openmetrics=openmetrics,
        text_gzip=compressed(text),
        openmetrics_gzip=compressed(openmetrics),
        series=series,
        created=created,
        groups=groups,
    )


def compressed(body: bytes) -> bytes:
    """Return a body as a scrape takes it compressed."""
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)


def _text_head(family: Family) -> bytes:
    description = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {family.name} {description}\n# TYPE {family.name} {family.type}\n".encode()


def _openmetrics_head(family: Family) -> bytes:
    name = family.name.removesuffix("_total") if family.type == "counter" else family.name
    return f"# HELP {name} {escape(family.help)}\n# TYPE {name} {family.type}\n".encode()
