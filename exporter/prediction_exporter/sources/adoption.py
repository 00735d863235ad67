"""Finds the streams whose file is gone or was overwritten in files that nobody knows: copied, compressed, replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prediction_exporter.sources.comparing import HEAD_BYTES, SAMPLE_BYTES, begins_with, head_of, is_repetitive
from prediction_exporter.sources.content import Content, Look
from prediction_exporter.sources.discovery import File, FileId
from prediction_exporter.sources.memory import Relation
from prediction_exporter.sources.streams import Stream, doubt


class Adoption:
    """Streams without a file and files without a stream.

    Args:
        lost: the streams.
        unknown: the files.
        copies: files that are known to be copies of streams, by their looks.
        open_file: opens a file; ``None`` where it cannot be opened now.
        note: takes note of a file that cannot be read.
    """

    def __init__(
        self,
        lost: list[Stream],
        unknown: list[File],
        copies: Mapping[Look, Stream],
        open_file: Callable[[File], Content | None],
        note: Callable[[File, OSError], None],
    ) -> None:
        self._lost = sorted(lost, key=lambda stream: -stream.offset)
        self._copies = copies
        self._open = open_file
        self._note = note
        self._alike: dict[str, dict[str, list[File]]] = {}
        families = {family for stream in lost for family in stream.families()}
        long_lost = all(stream.gone is not None for stream in lost)
        for file in unknown:
            common = file.families() & families
            if common and not (long_lost and file.look in copies):
                head = self._head(file)
                for family in common:
                    self._alike.setdefault(family, {}).setdefault(head, []).append(file)

    def found(self) -> Iterator[tuple[Stream, File, Content]]:
        """Yield the streams that were found, and the file that each goes on in, open.

        That is the longest of the rotated files that hold it, a plain one if it can be; else the one that replaced its file.
        """
        adopted: set[FileId] = set()
        for stream in self._lost:
            files = [file for file in self._candidates(stream) if file.id not in adopted]
            best = self._longest(stream, [file for file in files if file.path != stream.path])
            if best is None:
                best = self._longest(stream, [file for file in files if file.path == stream.path])
            elif stream.content is not None and not _goes_on(best[1], stream.content):
                best[1].close()  # it is read through the open file, and this is a copy of that
                continue
            if best is not None:
                adopted.add(best[0].id)
                yield stream, *best

    def _longest(self, stream: Stream, files: list[File]) -> tuple[File, Content] | None:
        best: tuple[File, Content] | None = None
        for file in files:
            content = self._holding(stream, file)
            if content is not None and best is not None:
                shorter = best[1] if content.length() > best[1].length() else content
                shorter.close()
                best = best if shorter is content else (file, content)
            elif content is not None:
                best = file, content
        return best

    def _candidates(self, stream: Stream) -> list[File]:
        """Return the files of a stream's log that may begin with its first line, plain and long ones first."""
        files: dict[FileId, File] = {}
        for family in stream.families():
            heads = self._alike.get(family, {})
            for head in (stream.memory.head, "") if stream.memory.head else heads:
                files |= {file.id: file for file in heads.get(head, ())}
        return sorted(files.values(), key=lambda file: (file.compression is not None, -file.size))

    def _head(self, file: File) -> str:
        content = self._open(file)
        if content is None:
            return ""
        try:
            return head_of(content.read_at(0, HEAD_BYTES))
        except OSError as error:
            self._note(file, error)
            return ""
        finally:
            content.close()

    def _holding(self, stream: Stream, file: File) -> Content | None:
        """Return a file's content if a stream goes on in it."""
        replaced = file.path == stream.path
        if not file.rotated and not replaced:
            return None
        if stream.content is not None and replaced and (file.compression is not None or file.size < stream.size):
            return None  # still readable, so only a longer file that took its name is better (rsync does that)
        if stream.gone is not None and file.look in self._copies:
            return None  # known when the stream was lost
        content = self._open(file)
        if content is None:
            return None
        try:
            if stream.relation(content) is Relation.SAME and not _is_doubted(stream, file, content):
                return content
        except OSError as error:
            self._note(file, error)
        content.close()
        return None


def _goes_on(longer: Content, content: Content) -> bool:
    """Return whether one content holds all of another one and more, as what has replaced it."""
    return longer.length() > content.length() and begins_with(longer, content)


def _is_doubted(stream: Stream, file: File, content: Content) -> bool:
    """Return whether a file that holds all that was read of a stream may do so by chance, and is rather read."""
    if stream.id is None:
        return False  # its file was overwritten, so there must be a copy
    if file.compression is not None and not (stream.ended and content.read_at(stream.offset, 1)):
        return False
    since = stream.memory.since
    repeats = is_repetitive(content.read_at(since, min(stream.offset - since, SAMPLE_BYTES)))
    if repeats:
        doubt(file, stream)
    return repeats
