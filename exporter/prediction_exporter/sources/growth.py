"""Growth: how many bytes the files of a log grow by, told by looks at their names and sizes, and where the newest of them is.

What was written and taken away again between two looks, as the end of a file that is truncated, is not seen. A copy of a log
and a compressed one are no growth of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prediction_exporter.config import Predictions
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.discovery import discover
from prediction_exporter.sources.files.store import FolderStore


@dataclass(frozen=True, slots=True)
class Sized:
    """A file at one look.

    Attributes:
        identity: stays when it is renamed.
        path: its name.
        size: in bytes.
        modified: when it was last modified, in nanoseconds since the epoch.
        is_copy: whether it holds what stood in another file, where it was not there before.
    """

    identity: str
    path: str
    size: int
    modified: int
    is_copy: bool = False


#: Gives the files that there are.
Listing = Callable[[], Iterable[Sized]]


class Growth:
    """Adds up what files grow by, from the first look on.

    Attributes:
        written: bytes.
        newest: the file that was modified last; None while there is none.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._sizes: dict[str, int] | None = None
        self.written = 0
        self.newest: str | None = None

    def look(self) -> None:
        """Look at the files.

        Raises:
            SourceError: they cannot be seen.
        """
        files = list(self._listing())
        if self._sizes is not None:
            self.written += sum(_grown(file, self._sizes.get(file.identity)) for file in files)
        self._sizes = {file.identity: file.size for file in files}
        self.newest = max(files, key=lambda file: file.modified).path if files else None


def _grown(file: Sized, before: int | None) -> int:
    if before is None:
        return 0 if file.is_copy else file.size
    return file.size - before if file.size >= before else file.size  # it was truncated, and is written anew


def listing_of(predictions: Predictions) -> Listing | None:
    """Return what lists the files that predictions are in; None where they are in no file system."""
    if predictions.log is not None:
        return partial(_of_log, str(Path(predictions.log.path).absolute()))
    if predictions.files is not None and not predictions.files.in_bucket:
        return partial(_of_folder, FolderStore(predictions.files.path))
    return None


def _of_log(pattern: str) -> Iterable[Sized]:
    found = discover(pattern, (), ())
    if not found.files and found.errors:
        path, error = next(iter(found.errors.items()))
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
    return [
        Sized(f"{file.id}", file.path, file.size, file.mtime_ns, file.rotated or file.compression is not None)
        for file in found.files
    ]


def _of_folder(store: FolderStore) -> Iterable[Sized]:
    return [Sized(file.identity, store.shown(file), file.size, file.modified) for file in store.look()]
