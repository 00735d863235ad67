"""CloudEvents of inference, as sinks, dumpers and object stores keep them: the request and the response are an event each."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prediction_exporter.sources.layouts.base import SIDES, Half, Options, Record, Side
from prediction_exporter.sources.layouts.protocols import parsed, predictions
from prediction_exporter.sources.layouts.values import between_ms
from prediction_exporter.sources.records.payloads import PayloadError

#: How the type of an event ends that is a request to a model or its response; feedback, outliers and metrics are neither.
_TYPE = re.compile(r".*\.inference\.(request|response)", re.DOTALL)

#: What stands in front of the name of an attribute: in headers of HTTP, and of Kafka.
_MARKS = ("ce-", "ce_")
_MARK = 3

#: Where a record has the headers of an event, and its body.
_HEADERS = ("headers", "attributes")
_BODIES = ("body", "data", "payload", "value")

#: KServe's object store writes events as objects of its own, with these names for the attributes.
_STORED = {
    "reqtype": "type",
    "id": "id",
    "occurrencetime": "time",
    "inferenceservice": "inferenceservicename",
    "endpoint": "endpoint",
    "component": "component",
}

#: Attributes that tell events of one id apart that are of several models: a request passes through each of them.
_PARTS = ("inferenceservicename", "component", "modelid")


#: Names of attributes that are read at all.
_READ = frozenset({"type", "id", "requestid", "time", "endpoint", "specversion", "status", "statuscode", *_PARTS, *_STORED})


@dataclass(frozen=True, slots=True)
class Event:
    """An event of inference.

    Attributes:
        side: which of the two it is.
        attributes: of the event, by their names in lower case, without what stands in front of them in headers.
        record: what holds its body.
    """

    side: Side
    attributes: Mapping[str, str]
    record: Record

    @property
    def id(self) -> str | None:
        """What the request and its response have in common: Seldon gives each event an id of its own beside it."""
        return self.attributes.get("requestid") or self.attributes.get("id") or None

    @property
    def half(self) -> Half | None:
        """Which half of a prediction it is; None where it has no id, so that its other half cannot be found."""
        identity = self.id
        if identity is None:
            return None
        return Half("\n".join([identity, *(self.attributes.get(part, "") for part in _PARTS)]), self.side)

    @property
    def body(self) -> Any:
        """The body, parsed where it is JSON.

        Raises:
            PayloadError: it cannot be read.
        """
        for key in ("data_base64", "bytes", "Bytes"):
            if isinstance(self.record.get(key), str):
                return parsed(_of_base64(self.record[key]))
        return parsed(next((self.record[key] for key in _BODIES if key in self.record), None))


def event_of(record: Record) -> Event | None:
    """Return the event that a record is; None where it is none of inference."""
    for found in _attributes(record):
        matched = _TYPE.fullmatch(found.get("type", ""))
        if matched is not None:
            side = SIDES[0] if matched[1] == SIDES[0] else SIDES[1]
            return Event(side, found, record)
    return None


def is_event(record: Record) -> bool:
    """Return whether a record is an event of inference."""
    return event_of(record) is not None


def half_of_event(record: Record) -> Half | None:
    """Return which half of a prediction a record is; None where it has no id, so that its other half cannot be found."""
    event = event_of(record)
    return None if event is None else event.half


def flat_events(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the predictions of a request and a response that were joined.

    Raises:
        PayloadError: a body cannot be read, or an event stands alone.
    """
    yield from predictions_of(*sides_of(record), options)


def sides_of(record: Record) -> tuple[Event | None, Event | None]:
    """Return the events of the request and of the response in a record that two were joined to, as far as it has them."""
    request, response = (event_of(record[side]) if isinstance(record.get(side), Mapping) else None for side in SIDES)
    return request, response


def predictions_of(request: Event | None, response: Event | None, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the predictions of the event of a request and that of its response.

    Raises:
        PayloadError: a body cannot be read, or an event stands alone.
    """
    if request is None or response is None:
        raise PayloadError("an event without an id, so that its request or response cannot be found")
    answer = response.body
    asked, answered = (event.attributes.get("time") for event in (request, response))
    own: dict[str, Any] = {"time": asked or answered or options.now, "id": request.id}
    version = _text(answer, "model_version") or response.attributes.get("endpoint") or request.attributes.get("endpoint")
    if version:
        own["version"] = version
    latency = between_ms(asked, answered)
    if latency is not None:
        own["latency_ms"] = latency
    status = response.attributes.get("status") or response.attributes.get("statuscode")
    if status:
        own["status"] = status
    yield from predictions(own, request.body, answer, options)


def _text(body: Any, key: str) -> str | None:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _attributes(record: Record) -> Iterator[dict[str, str]]:
    """Yield what may be the attributes of a record's event."""
    for key in _HEADERS:
        if key in record:
            yield _pairs(record[key])
    own = _pairs(record)
    if "reqtype" in own:
        yield {_STORED[name]: value for name, value in own.items() if name in _STORED}
    elif "specversion" in own or not any(key in record for key in ("type", "Type")):  # a type alone may be anything
        yield own


def _pairs(headers: Any) -> dict[str, str]:
    """Return attributes by their names in lower case: of an object, or of a list of pairs or of objects of key and value.

    Where some of them are marked as an event's, these are all, without that mark. Words may be set apart (``req_type``), as
    in KServe's Parquet.
    """
    if isinstance(headers, Mapping):
        items: list[tuple[Any, Any]] = list(headers.items())
    elif isinstance(headers, list):
        items = [_pair(item) for item in headers]
    else:
        return {}
    plain: dict[str, Any] = {}
    marked: dict[str, Any] = {}
    is_marked = False
    for key, value in items:
        if not isinstance(key, str):
            continue
        name = key.lower()
        if name.startswith(_MARKS):
            is_marked, found, name = True, marked, name[_MARK:]
        elif is_marked:
            continue
        else:
            found = plain
        spelt = name.replace("_", "")
        if spelt in _READ and (text := _plain(value)) is not None:
            found[spelt] = text
    return marked if is_marked else plain


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        return item.get("key", item.get("name")), item.get("value")
    return (item[0], item[1]) if isinstance(item, list) and len(item) == 2 else (None, None)  # noqa: PLR2004 - a pair


def _plain(value: Any) -> str | None:
    """Return the text of a header: the first of a list, without the quotes that some clients put around it."""
    if isinstance(value, list) and value:  # as Go keeps headers
        value = value[0]
    if not isinstance(value, str):
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    text: str = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        bare = text[1:-1]
        if bare.isprintable() and '"' not in bare and "\\" not in bare:
            return bare
        try:
            text = str(json.loads(text))
        except ValueError:
            return text
    return text


def _of_base64(text: str) -> str:
    """Return a text that is base64; one of JSON as it is, which columns of bytes hold."""
    if text.lstrip()[:1] in ("{", "["):
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError as error:
        raise PayloadError("a body that is no base64 of UTF-8, as one in bytes or compressed is none") from error
