"""The types of single values in the configuration, each with its check and the message that says what is allowed.

A check never puts the value into its message: the value may come from the environment. Who reports the problem shows
what stands in the file instead.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from prediction_exporter.config.suggesting import suggest
from prediction_exporter.config.units import (
    DURATION_FORM,
    DURATION_PATTERN,
    SIZE_FORM,
    SIZE_PATTERN,
    Duration,
    parse_size,
)

REFUSED = "refused"
"""The type of the errors that :func:`refuse` makes."""
REFUSED_KEY = "refused_key"
"""The type of the errors that :func:`refuse_key` makes."""
REFUSED_UNSHOWN = "refused_unshown"
"""The type of the errors that :func:`refuse_unshown` makes."""

S3_PREFIX = "s3://"
"""How the path of files begins that are in a bucket."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the check of one value knows about the rest of the file."""

    base: Path
    """The folder that relative paths start at."""
    owners: tuple[str, ...] | None = ()
    """Names that a model can be owned by, or ``None`` where they cannot be told."""
    expanded: frozenset[str] = frozenset()
    """Places whose value came from the environment."""
    alertmanager: str | None = None
    """Version of the Alertmanager that routes are for, or ``None`` where it cannot be told."""
    names: set[str] = field(default_factory=set)
    """Names of the models so far: with it the second of two equal names is refused at its own place."""
    matches: set[tuple[object, ...]] = field(default_factory=set)
    """Which series of model servers are those of the models so far, for the same reason."""


def context_of(info: ValidationInfo) -> Context:
    """Return the context that the loader passes to every validation."""
    if not isinstance(info.context, Context):
        raise TypeError("a configuration is validated through prediction_exporter.config.parse")
    return info.context


def refuse(problem: str, allowed: str = "", *, inside: tuple[str, ...] = ()) -> PydanticCustomError:
    """Return the error that a check raises; ``problem`` continues a sentence on the value, at the keys ``inside``."""
    return PydanticCustomError(REFUSED, "{problem}", {"problem": problem, "allowed": allowed, "inside": inside})


def refuse_key(problem: str, allowed: str) -> PydanticCustomError:
    """Return the error that the check of a key raises; ``problem`` is about the key, and the value is not shown."""
    return PydanticCustomError(REFUSED_KEY, "{problem}", {"problem": problem, "allowed": allowed})


def refuse_unshown(problem: str, allowed: str) -> PydanticCustomError:
    """Return the error that a check raises whose value may hold a password, so that not even the file's text is shown."""
    return PydanticCustomError(REFUSED_UNSHOWN, "{problem}", {"problem": problem, "allowed": allowed})


@dataclass(frozen=True, slots=True)
class Matching:
    """Annotation of a text that must match a pattern as a whole."""

    pattern: str
    problem: str
    allowed: str

    def check(self, text: str) -> str:
        """Return the text, or raise what is wrong with it."""
        if re.fullmatch(self.pattern, text) is None:
            raise refuse(self.problem, self.allowed)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


class FieldName:
    """Annotation of a section that may also be written as the name of a field alone."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(schema)]}


class StatisticKey:
    """Annotation of a key that must be that of a statistic with a threshold."""

    def check(self, key: str) -> str:
        """Return the key, or raise which keys there are."""
        known = known_thresholds()
        if key not in known:
            raise refuse_key(f"unknown statistic{suggest(key, known)}", ", ".join(known))
        return key

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(known_thresholds())}


def known_thresholds() -> tuple[str, ...]:
    """Return the keys of the statistics that have a threshold."""
    # Imported here: the statistics load NumPy, which a configuration without thresholds does not need.
    from prediction_exporter.statistics import STATISTICS

    return tuple(statistic.key for statistic in STATISTICS if statistic.threshold is not None)


def _level(value: Any) -> Any:
    # A Literal alone takes true for 1.
    if type(value) is not int or value not in {0, 1, 2}:
        raise refuse("is unknown", "0, 1 or 2")
    return value


def _decimals(value: Any) -> Any:
    # A Literal alone takes true for 1 here as well.
    if type(value) is not int or not 0 <= value <= 9:  # noqa: PLR2004 - a digit
        raise refuse("is no number of decimals", "0 to 9")
    return value


def _unique_name(name: str, info: ValidationInfo) -> str:
    names = context_of(info).names
    if name in names:
        raise refuse("is the name of another model too")
    names.add(name)
    return name


def _known_owner(owner: str, info: ValidationInfo) -> str:
    owners = context_of(info).owners
    if owners is not None and owner not in owners:
        allowed = f"one of: {', '.join(owners)}" if owners else "a key of owners, which has none yet"
        raise refuse(f"is no owner{suggest(owner, owners)}", allowed)
    return owner


def _refuse_duplicates(values: tuple[Hashable, ...]) -> None:
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if value in first:
            raise refuse(f"has the same entry at [{first[value]}] and [{index}]")
        first[value] = index


def _no_duplicates(values: tuple[str, ...]) -> tuple[str, ...]:
    _refuse_duplicates(values)
    return values


def _duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    try:
        return Duration.parse(value)
    except (TypeError, ValueError):
        raise refuse("is no duration", DURATION_FORM) from None


def between(low: str, high: str) -> AfterValidator:
    """Return the check that a duration lies between two others."""
    lowest, highest = Duration.parse(low), Duration.parse(high)

    def check(value: Duration) -> Duration:
        if not lowest <= value <= highest:
            raise refuse(f"is too {'short' if value < lowest else 'long'}", f"{low} to {high}")
        return value

    return AfterValidator(check)


def _size(value: Any) -> int:
    if isinstance(value, str):
        try:
            return parse_size(value)
        except ValueError:
            raise refuse("is no size", SIZE_FORM) from None
    if type(value) is not int:
        raise refuse("is no size", SIZE_FORM)
    return value


def size_between(low: str, high: str) -> AfterValidator:
    """Return the check that a size lies between two others."""

    def check(value: int) -> int:
        if not parse_size(low) <= value <= parse_size(high):
            raise refuse(f"is too {'small' if value < parse_size(low) else 'large'}", f"{low} to {high}")
        return value

    return AfterValidator(check)


def _zone(name: str) -> str:
    # UTC works on a machine without a time zone database too.
    if name == "UTC":
        return name
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        # Without the files beside the zones of the machine's database, such as "localtime".
        hint = suggest(name, [zone for zone in available_timezones() if "/" in zone])
        raise refuse(f"is no time zone{hint}", "an IANA name such as UTC or Europe/Zurich") from None
    return name


def _path(value: Any, info: ValidationInfo) -> Any:
    return Path(os.path.normpath(context_of(info).base / value)) if isinstance(value, str) and value else value


def _glob(value: str, info: ValidationInfo) -> str:
    # The folder is no pattern, whatever characters its name has.
    return os.path.normpath(Path(glob.escape(str(context_of(info).base)), value))


def _files_path(value: str, info: ValidationInfo) -> str:
    scheme, separator, _ = value.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return _glob(value, info)
    if not re.fullmatch(rf"{S3_PREFIX}[A-Za-z0-9][A-Za-z0-9._-]*(?:/.*)?", value, re.DOTALL):
        raise refuse("is no place of files", f"a folder, a glob, or {S3_PREFIX}BUCKET/PREFIX")
    return value


def _database_url(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    # Imported here: a configuration that reads no table needs no database.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise refuse_unshown("is no database URL", DATABASE_URL_FORM) from None
    if not value.isprintable():
        raise refuse_unshown("holds characters that cannot be printed", DATABASE_URL_FORM)
    if url.host is not None and "@" in f"{url.host}{url.database}":
        # Without this, a part of the password would count as the host and be shown.
        raise refuse_unshown("has an @ behind that of the user", "%40 for an @ and %2F for a / in a user's name or password")
    file = url.database
    if url.get_backend_name() not in FILE_DATABASES or not file or ":" in file or os.path.isabs(file):  # noqa: PTH117 - a text
        return value
    return url.set(database=os.path.normpath(context_of(info).base / file)).render_as_string(hide_password=False)


def _query(query: str) -> str:
    query = query.strip().rstrip("; \t\n\r")
    if not query:
        raise refuse("is empty", "a SELECT")
    return query


def _windows(windows: tuple[Duration, ...]) -> tuple[Duration, ...]:
    _refuse_duplicates(windows)
    return tuple(sorted(windows))


def _range_of_days(days: str) -> str:
    first, _, last = days.partition(":")
    # Alertmanager's week begins on Sunday and a range may not wrap around its end.
    if last and WEEKDAYS.index(first) > WEEKDAYS.index(last):
        raise refuse("ends before it begins", "a range of days in the week from sunday to saturday")
    return days


WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_WEEKDAY = f"(?:{'|'.join(WEEKDAYS)})"
DATABASE_URL_FORM = "a URL such as postgresql://reader@db.example.com/prod"
#: Databases that are a file on this machine, whose path is relative to the configuration file like any other.
FILE_DATABASES = ("duckdb", "sqlite")
_NAME = "[a-zA-Z0-9][a-zA-Z0-9_.-]*"

Area = Literal["service", "data", "drift", "performance", "cost", "pipelines"]
Task = Literal["binary", "multiclass", "regression", "ranking"]
Unit = Literal["s", "ms", "us", "ns"]
Kind = Literal["numeric", "categorical", "text", "date", "vector", "list", "presence", "ignore"]
Nan = Literal["missing", "value"]
LogFormat = Literal["auto", "jsonl", "docker", "cri"]
FileFormat = Literal["auto", "parquet", "csv", "jsonl"]
TableMode = Literal["auto", "rows", "aggregate"]
Start = Literal["beginning", "end"]
OtherReference = Literal["week", "version"]

Text = Annotated[str, Strict(), Field(min_length=1)]
ClassPattern = Annotated[Text, Matching(r"[^*]*\*[^*]*", "is no pattern", "a name with one * where the class stands")]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Ratio = Annotated[Number, Field(gt=0, lt=1)]
Limit = Annotated[Number, Field(ge=0)]
Maturity = Annotated[Literal[0, 1, 2], BeforeValidator(_level)]
Decimals = Annotated[Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], BeforeValidator(_decimals)]
Name = Annotated[
    Text,
    Field(max_length=63),
    Matching(_NAME, "is no name", "letters, digits, _, . and -, with a letter or digit first"),
]
ModelName = Annotated[Name, AfterValidator(_unique_name)]
OwnerName = Annotated[Name, AfterValidator(_known_owner)]
OwnerNames = Annotated[tuple[OwnerName, ...], AfterValidator(_no_duplicates)]
ThresholdKey = Annotated[str, StatisticKey()]
Names = Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_no_duplicates)]
References = Annotated[tuple[OtherReference, ...], AfterValidator(_no_duplicates)]
Segments = Annotated[tuple[Text, ...], Field(max_length=5), AfterValidator(_no_duplicates)]

DurationValue = Annotated[
    Duration,
    BeforeValidator(_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["15s", "1h30m", "1d"]}),
]
SizeValue = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": SIZE_PATTERN}]}),
]
Windows = Annotated[
    tuple[Annotated[DurationValue, between("1m", "31d")], ...],
    Field(min_length=1, max_length=4),
    AfterValidator(_windows),
]
Zone = Annotated[Text, AfterValidator(_zone)]
FilePath = Annotated[Path, BeforeValidator(_path)]
GlobPath = Annotated[Text, AfterValidator(_glob)]
FilesPath = Annotated[Text, AfterValidator(_files_path)]
Query = Annotated[Text, AfterValidator(_query)]
DatabaseUrl = Annotated[Text, BeforeValidator(_database_url)]

Slack = Annotated[Text, Matching(r"[#@]\S+", "is no Slack channel or user", "a channel such as #ml-alerts, or a @user")]
Email = Annotated[Text, Matching(r"[^@\s]+@[^@\s]+", "is no email address", "an address such as team@example.com")]
Url = Annotated[Text, Matching(r"https?://\S+", "is no web address", "an address that begins with https:// or http://")]
#: What names of pages are put behind: a query or a fragment would take them in.
FolderUrl = Annotated[
    Text,
    Matching(
        r"https?://[^\s?#]+",
        "is no address of a folder on the web",
        "an address that begins with https:// or http://, without ? and #",
    ),
]
Endpoint = Annotated[
    Text,
    Matching(
        r"https?://[^\s@]+", "is no address of a service", "an address that begins with https:// or http://, without user"
    ),
]
HostPort = Annotated[Text, Matching(r"\S+:[0-9]{1,5}", "is no host with a port", "an address such as smtp.example.com:587")]
TimeOfDay = Annotated[Text, Matching("(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", "is no time of day", "00:00 to 24:00, in quotes")]
Days = Annotated[
    Text,
    Matching(f"{_WEEKDAY}(?::{_WEEKDAY})?", "is no range of days", "a day, or a range such as monday:friday"),
    AfterValidator(_range_of_days),
]
