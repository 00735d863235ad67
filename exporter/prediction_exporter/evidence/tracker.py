"""Tracker: the evidence of one model, followed slice by slice, over restarts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.entities import Entities, fingerprint, from_arrays, to_arrays
from prediction_exporter.counting.slices import SLICE_SECONDS, Slice, Slices
from prediction_exporter.evidence.detector import Detector, Evidence, Walk
from prediction_exporter.evidence.recent import Days, Recent
from prediction_exporter.evidence.stored import pack, unpack
from prediction_exporter.evidence.variation import LENGTHS, Means, Variation

logger = logging.getLogger(__name__)

#: Learning is over when so many hours have been compared with those before them, or a day with another.
LEARNT_HOURS = 12

#: What is stored is in this form; one of another release is of no use.
FORM = 1


class Tracker:
    """The bets on all versions of a model.

    What is closed is folded for good; what may still change is folded anew, from there, when somebody asks and it has changed.

    Args:
        name: the model's name, for messages.
        detector: the rule.
        slices: what is counted of the model.
        entity: the field that names entities; None where there is none.
    """

    def __init__(self, name: str, detector: Detector, slices: Slices, *, entity: str | None = None) -> None:
        self._name = name
        self.detector = detector
        self._slices = slices
        self._variation = detector.variation()
        self._walks: dict[str, Walk] = {}
        self._entity = entity
        self._recent = Recent()
        self._told: bytes | None = None
        self._stored_at = -1  # revision of the slices
        self._seen: tuple[int, dict[str, Evidence]] | None = None  # by the revision of the slices

    @property
    def late(self) -> int:
        """Rows that came after their slice was closed."""
        return self._slices.late

    def follow(self, now: float) -> None:
        """Fold the slices that are closed since the last call."""
        for closed in self._slices.take_closed(now):
            self._fold(self._walks, self._variation, self._recent, closed)

    def follow_clock(self, now: float) -> None:
        """Go on from a clock that may have been put back."""
        self._slices.follow_clock(now)

    def look(self, versions: Collection[str]) -> dict[str, Evidence]:
        """Return what is known of these versions now, with the slices that are not closed yet as they are."""
        if self._seen is None or self._seen[0] != self._slices.revision:
            self._seen = self._slices.revision, self._look()
        return {version: evidence for version, evidence in self._seen[1].items() if version in versions}

    def _look(self) -> dict[str, Evidence]:
        walks = {version: walk.copy() for version, walk in self._walks.items()}
        variation, recent = self._variation.copy(), self._recent.copy()
        for still_open in self._slices.open():
            self._fold(walks, variation, recent, still_open)
        return {
            version: self.detector.evidence(walk, variation, self._effective(recent, version))
            for version, walk in sorted(walks.items())
        }

    def _effective(self, recent: Recent, version: str) -> float | None:
        """Return what part of a version's newest rows is independent; None where none names an entity: all is not well then."""
        newest = recent.of(version)
        return 1.0 / newest.dependence if newest.rows else None

    def _fold(self, walks: dict[str, Walk], variation: Variation, recent: Recent, of_slice: Slice) -> None:
        self._go_on_learning(variation, of_slice.start)
        for version in sorted(of_slice.counts):
            if version not in walks:
                walks[version] = self.detector.begin()
            dependence = 1.0 if self._entity is None else recent.dependence(version)
            self.detector.fold(walks[version], variation, of_slice.start, of_slice.counts[version], dependence)
        recent.add(of_slice.start, of_slice.entities)

    def _go_on_learning(self, variation: Variation, start: int) -> None:
        """Let learning last on where its time is over and little was learnt: one request that tried a model out is no day."""
        learning = self.detector.learning
        wanted = min(LEARNT_HOURS, learning / LENGTHS[0] - 1)
        hours, *_, days = variation.count.max(axis=(1, 2), initial=0.0)
        if start >= variation.since + learning and hours < wanted and not days:
            variation.since = start + (wanted - hours) * LENGTHS[0] - learning

    def forget(self, version: str) -> None:
        """Drop a version."""
        self._walks.pop(version, None)
        self._recent.forget(version)
        self._slices.forget(version)

    # From and to the state file

    def news(self) -> bytes | None:
        """Return what :meth:`stored` gives, where it is something else than before; None where it is not."""
        if self._stored_at == self._slices.revision:
            return None
        self._stored_at = self._slices.revision
        stored = self.stored()
        if stored == self._told:
            return None
        self._told = stored
        return stored

    def stored(self) -> bytes:
        """Return all that a later process needs to go on."""
        counted, counts = self._slices.stored()
        arrays: dict[str, NDArray[Any]] = {"variation mean": self._variation.mean, "variation count": self._variation.count}
        versions: list[dict[str, Any]] = []
        for version, walk in sorted(self._walks.items()):
            versions.append({"version": version, "newest": walk.newest})
            arrays |= {f"{len(versions) - 1} {name}": array for name, array in _arrays_of(walk).items()}
        of_slices = sorted(counts)
        if of_slices:
            arrays["counts"] = np.stack([counts[key] for key in of_slices])
        since = None if np.isinf(self._variation.since) else self._variation.since
        numbers = {"form": FORM, "slices": counted, "since": since, "versions": versions, "counts": of_slices}
        if self._entity is not None:
            of_entities, sketches = self._stored_entities()
            numbers["entities"] = of_entities
            arrays |= sketches
        return pack(numbers, arrays)

    def _stored_entities(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what is known of entities, open slices first, as numbers and arrays."""
        of_slices = sorted(self._slices.stored_entities().items())
        days = sorted(self._recent.days.items())
        of_days = [sketch for _, of_version in days for sketch in (of_version.running, of_version.former)]
        numbers, arrays = to_arrays([*(entities for _, entities in of_slices), *of_days])
        stored = {
            "of": [self._entity, fingerprint()],
            "sketches": numbers,
            "slices": [key for key, _ in of_slices],
            "days": [[version, of_version.number] for version, of_version in days],
        }
        return stored, arrays

    def restore(self, stored: bytes, *, refilled_from: float) -> None:
        """Go on from what :meth:`stored` gave; what cannot be used any more is told, and the evidence begins anew.

        Args:
            stored: the bytes.
            refilled_from: the time from which on the source reads again what was counted in slices that are not closed.
        """
        numbers, arrays = unpack(stored)
        of_entities = numbers.get("entities")
        sketches: dict[str, NDArray[Any]] = {
            name: arrays.pop(name) for name in ("entity hashes", "entity counts") if name in arrays
        }
        if numbers.get("form") != FORM or not self._fits(arrays, len(numbers["versions"])):
            logger.warning(
                "model %s: what is stored of the evidence was gathered by the rule of another release; it is gathered anew",
                self._name,
            )
            return
        variation = Variation(arrays["variation mean"], arrays["variation count"])
        variation.since = np.inf if numbers["since"] is None else numbers["since"]
        self._variation = variation
        for place, of_version in enumerate(numbers["versions"]):
            self._walks[of_version["version"]] = _walk_of(
                {name: arrays[f"{place} {name}"] for name in _arrays_of(self.detector.begin())}, of_version["newest"]
            )
        counts = {
            (start, version): arrays["counts"][row]
            for row, (start, version) in enumerate(numbers["counts"])
            if start + SLICE_SECONDS <= refilled_from
        }
        entities: dict[tuple[int, str], Entities] = {}
        if self._entity is not None and of_entities is not None:
            entities = self._restored_entities(of_entities, sketches)
        still = {(start, version): of for (start, version), of in entities.items() if start + SLICE_SECONDS <= refilled_from}
        self._slices.restore(numbers["slices"], counts, still)

    def _restored_entities(
        self, stored: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> dict[tuple[int, str], Entities]:
        """Take over what was known of entities, and return what is of open slices."""
        field, of = stored["of"]
        if field != self._entity:
            return {}
        if of != fingerprint():
            logger.warning(
                "model %s: another release hashed entities otherwise; how many rows they have is counted anew",
                self._name,
            )
            return {}
        sketches = from_arrays(stored["sketches"], arrays)
        slices, days = stored["slices"], stored["days"]
        of_days = sketches[len(slices) :]
        self._recent = Recent(
            {version: Days(number, *of_days[2 * place : 2 * place + 2]) for place, (version, number) in enumerate(days)}
        )
        return {(start, version): sketch for (start, version), sketch in zip(slices, sketches, strict=False)}

    def _fits(self, arrays: Mapping[str, NDArray[Any]], versions: int) -> bool:
        """Return whether stored arrays are of these bets on these cells."""
        expected = {"variation mean": self._variation.mean.shape, "variation count": self._variation.count.shape}
        for name, array in _arrays_of(self.detector.begin()).items():
            expected |= {f"{place} {name}": array.shape for place in range(versions)}
        counts = arrays.get("counts")
        if counts is not None:
            expected["counts"] = (len(counts), self._slices.cells.total)
        return {name: array.shape for name, array in arrays.items()} == expected


def _arrays_of(walk: Walk) -> dict[str, NDArray[Any]]:
    means = walk.means
    return {
        "capital": walk.capital,
        "alarmed": walk.alarmed,
        "sums": walk.sums,
        "rows": walk.rows,
        "mean sums": means.sums,
        "mean rows": means.rows,
        "mean former": means.former,
        "mean former rows": means.former_rows,
        "mean numbers": means.numbers,
    }


def _walk_of(arrays: Mapping[str, NDArray[Any]], newest: int | None) -> Walk:
    means = Means(*(arrays[f"mean {name}"] for name in ("sums", "rows", "former", "former rows", "numbers")))
    return Walk(arrays["capital"], arrays["alarmed"], arrays["sums"], arrays["rows"], means, newest)
