"""Hostile predictions, and records of several of them in each of the forms that servers write."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from counting import Counted, context_of, count
from typed_events import FIELDS, MEASURED, NOW, Event, events_of, layout_of, logged
from typed_events import ROLES as EVENT_ROLES

#: What is no feature, by the name that a flat event has it under.
LISTED = {role: name for role, name in EVENT_ROLES.items() if role != "time"}

FEATURES = tuple(field.name for field in FIELDS if field.name not in ("ts", *LISTED.values()))

#: Which field is what, of flat events and of records alike.
ROLES = {
    "time": "ts",
    "id": "id",
    "version": "version",
    "status": "status",
    "latency": {"field": "latency", "unit": "ms"},
    "prediction": "prediction",
    "score": "score",
    "features": "features",
    "entity": "features.text",
    "stage": "features.flag",
    "sums": {name: f"features.{of}" for name, of in MEASURED["sums"].items()},
    "durations": {"single": {"field": "features.a single", "unit": "ms"}},
}

#: Predictions of a record, which have its time.
Group = Sequence[Event]


def groups() -> st.SearchStrategy[list[list[Event]]]:
    """Draw records: their predictions, all with the time of the first."""

    def grouped(drawn: tuple[list[Event], list[int]]) -> list[list[Event]]:
        events, sizes = drawn
        found, at = [], 0
        for size in [*sizes, *[len(events)] * len(events)]:
            if events[at : at + size]:
                found.append([{**event, "ts": events[at]["ts"]} for event in events[at : at + size]])
            at += size
        return found

    return st.tuples(events_of(FIELDS, most=20), st.lists(st.integers(1, 5), min_size=3, max_size=6)).map(grouped)


def an_object(values: dict[str, str]) -> str:
    """Return an object of values that are JSON."""
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}"


def a_list(values: Sequence[str]) -> str:
    """Return a list of values that are JSON."""
    return f"[{', '.join(values)}]"


def features_of(event: Event) -> str:
    """Return the features of a prediction."""
    return an_object({name: logged(event[name]) for name in FEATURES})


def flat_event(event: Event) -> dict[str, str]:
    """Return what a flat event has, without its time."""
    return {"features": features_of(event), **{name: logged(event[of]) for name, of in LISTED.items()}}


def flat_lines(records: Sequence[Group]) -> str:
    """Return the predictions of records as they are logged flat."""
    return "".join(an_object({"ts": logged(event["ts"]), **flat_event(event)}) + "\n" for record in records for event in record)


def in_step(group: Group) -> dict[str, str]:
    """Return the lists of a record but for the features."""
    return {name: a_list([logged(event[of]) for event in group]) for name, of in LISTED.items()}


def rows_of(group: Group) -> str:
    """Return the features as lists of unnamed values."""
    return a_list([a_list([logged(event[name]) for name in FEATURES]) for event in group])


def _objects(group: Group) -> str:
    return a_list([features_of(event) for event in group])


def _columns(group: Group) -> str:
    return an_object({name: a_list([logged(event[name]) for event in group]) for name in FEATURES})


def _split(group: Group) -> str:
    return an_object({"columns": json.dumps(FEATURES), "index": "[]", "data": rows_of(group)})


def _tensors(group: Group) -> str:
    return a_list(
        [
            an_object(
                {
                    "name": json.dumps(name),
                    "shape": f"[{len(group)}]",
                    "datatype": '"BYTES"',
                    "data": a_list([logged(event[name]) for event in group]),
                }
            )
            for name in FEATURES
        ]
    )


@dataclass(frozen=True)
class Form:
    """A form of records.

    Attributes:
        features: gives the inputs of a record in it.
        rows: what the configuration says of it beside the places.
        place: where the inputs stand.
    """

    features: Callable[[Group], str]
    rows: dict[str, Any]
    place: str = "inputs"

    @property
    def settings(self) -> dict[str, Any]:
        """The section ``rows``."""
        if "each" in self.rows:
            return self.rows
        return {"features": self.place, **{name: f"{name}s" for name in LISTED}, **self.rows}

    def record(self, group: Group) -> dict[str, str]:
        """Return a record without its time, of values that are JSON."""
        if "each" in self.rows:
            return {self.rows["each"]: a_list([an_object(flat_event(event)) for event in group])}
        head = self.place.partition(".")[0]
        return {head: self.features(group), **{f"{name}s": values for name, values in in_step(group).items()}}


def _text(payload: Callable[[Group], str]) -> Callable[[Group], str]:
    return lambda group: json.dumps(payload(group))


def _base64(group: Group) -> str:
    return json.dumps(base64.b64encode(_split(group).encode()).decode())


FORMS = {
    "each": Form(_objects, {"each": "items"}),
    "objects": Form(_objects, {}),
    "columns": Form(_columns, {}),
    "split": Form(_split, {}),
    "names": Form(rows_of, {"names": list(FEATURES)}),
    "tensors": Form(_tensors, {}),
    "text": Form(_text(_columns), {}),
    "base64": Form(_base64, {"encoding": "base64"}),
    "body": Form(_text(lambda group: an_object({"instances": _objects(group)})), {}, "request.instances"),
}


def counted(folder: Path, source: dict[str, Any]) -> Counted:
    """Count what a source gives."""
    return count(
        context_of(
            folder,
            {"fields": ROLES, **source},
            layout_of(FIELDS),
            clock=lambda: NOW,
            segments=["text", "flag"],
        )
    )


def of_log(folder: Path, text: str, **more: Any) -> Counted:
    """Count a log."""
    (folder / "app.log").write_text(text)
    return counted(folder, {"log": {"path": "app.log", "start": "beginning", "max_line_size": "8MiB"}, **more})


def lines_of(form: Form, records: Sequence[Group]) -> str:
    """Return records as lines of a log."""
    return "".join(an_object({"ts": logged(group[0]["ts"]), **form.record(group)}) + "\n" for group in records)


def texts_of(form: Form, group: Group) -> dict[str, str]:
    """Return a record as a table or file of texts has it: each list and payload is the JSON of it."""
    return {name: json.loads(value) if value.startswith('"') else value for name, value in form.record(group).items()}
