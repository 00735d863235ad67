"""What the name of a file says: whether it holds data, in which form, and the values of its Hive partitions."""

from __future__ import annotations

import glob
import re
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import unquote

Form = Literal["parquet", "csv", "jsonl"]
Compression = Literal["gz", "zst"]

#: The form that an ending tells, in lower case.
ENDINGS: dict[str, Form] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
COMPRESSIONS: dict[str, Compression] = {".gz": "gz", ".zst": "zst"}

#: Endings of files that somebody still writes, or that belong to another file.
NO_DATA = (".tmp", ".crc", ".inprogress")

_ESCAPED = re.compile(r"\[([*?[])\]")

#: What Hive calls the folder of the rows that lack the partition's column.
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def form_of(path: str, form: Literal["auto"] | Form) -> tuple[Form, Compression | None] | None:
    """Return the form of a file and its compression, or None where it is no data.

    Names that begin with ``_`` or ``.`` are no data, as for Spark and Hive, nor is what stands in folders of such names. With a
    configured form every other name is of that form unless its ending says another one.

    Args:
        path: below the place that is read, with slashes.
        form: the configured form.

    >>> form_of("date=2026-01-01/part-0.csv.gz", "auto"), form_of("_logs/a.csv", "auto"), form_of("000000_0", "parquet")
    (('csv', 'gz'), None, ('parquet', None))
    """
    parts = path.split("/")
    name = parts[-1].lower()
    if any(part.startswith(("_", ".")) for part in parts) or name.endswith(NO_DATA) or not name:
        return None
    compression = next((kind for ending, kind in COMPRESSIONS.items() if name.endswith(ending)), None)
    stem = name.removesuffix(f".{compression}") if compression else name
    told = next((kind for ending, kind in ENDINGS.items() if stem.endswith(ending)), None)
    found = told if form == "auto" or told is not None else form
    if found is None or (form not in ("auto", found)) or (found == "parquet" and compression is not None):
        return None
    return found, compression


def partitions_of(path: str) -> dict[str, str | None]:
    """Return the values of the Hive partitions that a file stands in, as text.

    >>> partitions_of("date=2026-01-01/region=a%2Fb/kind=__HIVE_DEFAULT_PARTITION__/part-0.parquet")
    {'date': '2026-01-01', 'region': 'a/b', 'kind': None}
    """
    pairs = [part.partition("=") for part in path.split("/")[:-1] if "=" in part]
    return {unquote(key): None if value == HIVE_NULL else unquote(value) for key, _, value in pairs if key}


def split_pattern(pattern: str) -> tuple[str, str]:
    """Divide a path into the folder in front of its first part with a wildcard, and the rest.

    >>> split_pattern("/data/*/x.csv"), split_pattern("/[[]a]/b")
    (('/data', '*/x.csv'), ('/[a]/b', ''))
    """
    folders: list[str] = []
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        plain = _ESCAPED.sub(r"\1", part)
        if glob.escape(plain) != part and glob.has_magic(part):
            return "/".join(folders), "/".join(parts[index:])
        folders.append(plain)
    return "/".join(folders), ""


def matches(path: str, pattern: str) -> bool:
    """Return whether a path, or a folder that it stands in, is what a glob names; ``**`` is any number of folders.

    >>> matches("a/b/c.csv", "a/*"), matches("a/b/c.csv", "**/c.csv"), matches("a/b", "*"), matches("ab", "b*")
    (True, True, True, False)
    """
    return not pattern or _matches(path.split("/"), pattern.split("/"))


def _matches(parts: list[str], patterns: list[str]) -> bool:
    if not patterns or patterns == [""]:
        return True
    if patterns[0] == "**":
        return any(_matches(parts[skipped:], patterns[1:]) for skipped in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])
