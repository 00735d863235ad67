"""Volume: how fast the files of a model's predictions grow, and the room that is left where they are."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping

from prediction_exporter.collectors.base import Most, Poll, PollingCollector
from prediction_exporter.config import Config
from prediction_exporter.errors import SourceError
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import MODEL, Family
from prediction_exporter.sources.growth import Growth, Listing, listing_of

WRITTEN = Family(
    name="prediction_exporter_source_written_bytes_total",
    type="counter",
    labels=MODEL,
    group="exporter",
    help="Bytes that the model's log or files grew by while the exporter ran, read or not; a table and a bucket tell none.",
)

VOLUME_FREE = Family(
    name="prediction_exporter_source_volume_free_bytes",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Room that is left on the volume of the newest file of the model's log or files.",
)

VOLUME_SIZE = Family(
    name="prediction_exporter_source_volume_size_bytes",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Size of the volume of the newest file of the model's log or files.",
)


class SourceVolume(Poll):
    """The files of one model and their volume. Asking may take long, or for ever: it may be a network's."""

    interval = 60.0
    timeout = 20.0

    def __init__(self, model: str, listing: Listing, *, clock: Callable[[], float] = time.time) -> None:
        self._labels = label_text(MODEL, (model,))
        self._growth = Growth(listing)
        self._clock = clock
        self._since: float | None = None

    def poll(self) -> Samples:
        """Return what the files grew by, and the room that is left."""
        self._growth.look()
        newest = self._growth.newest
        if newest is None:
            return self._render(None)
        try:
            usage = shutil.disk_usage(newest)
        except FileNotFoundError:  # rotated since; the next look shows where it is
            return self._render(None)
        except OSError as error:
            raise SourceError(f"cannot ask for the volume of {newest}: {error.strerror or error}") from error
        # A volume without a limit, as a tmpfs of size=0, has a size of 0: nothing tells what is left.
        return self._render((usage.free, usage.total) if usage.total else None)

    def _render(self, volume: tuple[int, int] | None) -> Samples:
        if self._since is None:
            self._since = self._clock()
        samples = Samples()
        samples.add(WRITTEN, self._labels, self._growth.written, created=self._since)
        if volume is not None:
            samples.add(VOLUME_FREE, self._labels, volume[0])
            samples.add(VOLUME_SIZE, self._labels, volume[1])
        return samples

    def most(self) -> Most:
        """Three series."""
        return Most({WRITTEN.name: 1, VOLUME_FREE.name: 1, VOLUME_SIZE.name: 1}, {})


def _open(config: Config) -> Mapping[str, Poll]:
    listings = {model.name: listing_of(model.predictions) for model in config.models}
    return {name: SourceVolume(name, listing) for name, listing in listings.items() if listing is not None}


COLLECTOR = PollingCollector(
    name="volume",
    summary="How fast the files of a model's predictions grow, and the room that is left where they are.",
    families=(WRITTEN, VOLUME_FREE, VOLUME_SIZE),
    maturity=0,
    of_predictions=True,
    open=_open,
)
