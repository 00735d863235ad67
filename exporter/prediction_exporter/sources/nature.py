"""What the first bytes of a file are that holds no JSON lines, in words for a person."""

from __future__ import annotations

import codecs
import json
import re

from prediction_exporter.sources.json_reader import is_wide

_WIDE = "is UTF-16 text; a log is UTF-8, which PowerShell writes with -Encoding utf8"

#: Bytes that a kind of file begins with, and what it is.
_MAGIC = {
    b"\x1f\x8b": "is compressed with gzip, which its name does not say: it must end in .gz",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd, which its name does not say: it must end in .zst",
    b"PAR1": "is a Parquet file, which `files` reads",
    b"PK\x03\x04": "is a ZIP archive",
    b"\xff\xfe": _WIDE,
    b"\xfe\xff": _WIDE,
}

#: What a first line looks like that is JSON of another shape.
_SHAPES = {
    r"\[\s*(?:\{|$)": "holds a JSON array; a log has a JSON object for each line",
    r"\{.*\}\s*,?\s*\{": "holds several JSON objects in a line; each needs a line of its own",
    r"\{.*\}\s*,$": "has a comma behind the object of a line; a line must be the object alone",
    r"\{\s*'": "has single quotes, as Python prints a dict, and is no JSON; write the line with json.dumps",
    r"(?:\{|\{\s*\"[^\"]*\"\s*:.*[,{\[])$": "holds JSON over several lines; a log has a whole object in each line",
}

#: Lines that are looked at.
_LINES = 5

_NUMBER = re.compile(r"\s*[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?\s*")


def fault_of(head: bytes) -> str | None:
    r"""Return what keeps a file from ever being a log of JSON lines, by its first lines, none of which is a JSON object.

    None is for text that may come before the first prediction, as what a server prints at its start.

    >>> fault_of(b"ts,amount,color\n2026-05-04T09:30:00Z,12.5,red\n")
    'is CSV (ts,amount,color), which `files` reads; a log has a JSON object for each line'
    >>> fault_of(b"INFO: Started server process [1]\n")
    """
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            return what
    if is_wide(head):
        return _WIDE
    if b"\0" in head:
        return "is no text"
    head = head.removeprefix(codecs.BOM_UTF8)
    if head.lstrip().startswith(b"{") and not _is_utf8(head.split(b"\n")[0]):
        return "is not UTF-8, which a log is; perhaps it is Latin-1 or a code page of Windows"
    lines = [line.decode("utf-8", "replace").strip() for line in head.split(b"\n") if line.strip()][:_LINES]
    return _json_of(lines) or _csv_of(lines)


def _is_utf8(line: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(line)  # which may be cut within a character
    except UnicodeDecodeError:
        return False
    return True


def gzip_fault(head: bytes) -> str:
    """Return what a file is that is not what its ending says, by its first bytes."""
    return "is not compressed, though its name says so" if head.lstrip().startswith((b"{", b"[")) else "is damaged"


def _json_of(lines: list[str]) -> str | None:
    if not lines:
        return None
    for shape, what in _SHAPES.items():
        if re.match(shape, lines[0]):
            return what
    behind = next((line for line in lines if _ends_in_object(line)), None)
    if behind is None:
        return None
    return f"has text before the JSON of a line ({behind[: behind.index('{')].strip()}); a line must be the object alone"


def _ends_in_object(line: str) -> bool:
    begin = line.find("{")
    try:
        return begin > 0 and isinstance(json.loads(line[begin:]), dict)
    except (ValueError, RecursionError):
        return False


def _csv_of(lines: list[str]) -> str | None:
    for mark in (",", ";", "\t"):
        cells = [line.split(mark) for line in lines]
        same = len({len(row) for row in cells}) == 1
        header = [cell.strip('" ') for cell in cells[0]] if cells else []
        named = all(re.fullmatch(r"[^\W\d][\w .\-/()]*", cell) for cell in header) and len(set(header)) == len(header)
        # Text of a server may have a comma in each line, too.
        told = len(cells) > 1 and (not any(" " in cell for cell in header) or any(map(_NUMBER.fullmatch, cells[-1])))
        if len(header) > 1 and same and named and told:
            shown = mark.join(header[:_LINES]) + (f"{mark}..." if len(header) > _LINES else "")
            return f"is CSV ({shown}), which `files` reads; a log has a JSON object for each line"
    return None
