"""Grafana, as far as queries go: it resolves a dashboard's variables against a Prometheus and fills them into expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

Json = dict[str, Any]
#: A series as Prometheus answers it: its labels and its value.
Sample = tuple[dict[str, str], float]

ALL = "$__all"
_VARIABLE = re.compile(r"\$\{(\w+)(?::regex)?\}|\$(\w+)")


def variables(dashboard: Json) -> dict[str, Json]:
    """Return a dashboard's variables by name."""
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def panels(dashboard: Json) -> list[Json]:
    """Return a dashboard's panels, also those in collapsed rows."""
    found = [each for panel in dashboard["panels"] for each in (panel, *panel.get("panels", ()))]
    return [panel for panel in found if panel["type"] != "row"]


def expressions(dashboard: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield what a query belongs to, its expression, and all of it, for panels, variables and annotations."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target
    for name, variable in variables(dashboard).items():
        if variable["type"] == "query":
            yield f"variable {name}", _asked(variable["query"]["query"]), variable
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"], annotation


def _asked(query: str) -> str:
    """Return the expression or selector of a variable's query."""
    match = re.fullmatch(r"query_result\((.*)\)|label_values\((.*), \w+\)", query, re.DOTALL)
    assert match is not None, query
    return match[1] or match[2]


def filled(expr: str, values: Mapping[str, str]) -> str:
    """Return an expression with the values of variables as they are sent; an unknown variable stays as text."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], match[0]), expr)


def sent(variable: Json, value: str, options: Sequence[str]) -> str:
    """Return a variable's value as it is sent where its format is that of a regular expression."""
    if value == ALL and variable.get("allValue"):
        return str(variable["allValue"])
    escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", each) for each in (options if value == ALL else [value])]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _text(labels: Mapping[str, str], value: float, at: float) -> str:
    """Return a sample as the text that a variable's pattern is matched with."""
    inner = ",".join(f'{key}="{text}"' for key, text in labels.items() if key != "__name__")
    return f"{labels.get('__name__', '')}{{{inner}}} {value} {at * 1000:.0f}"


@dataclass
class Page:
    """A dashboard that is looked at.

    Attributes:
        dashboard: as it is rendered.
        prometheus: address of the data source.
        at: the end of the time range in Unix seconds; its queries about now are asked for this time.
        span: length of the time range in seconds.
        rate_interval: what the range of a rate is at the graphs' resolution.
        given: variables that the address of the page names.
    """

    dashboard: Json
    prometheus: str
    at: float
    span: int
    rate_interval: str
    given: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Resolve the variables: what each offers in its order, and what stands for it in queries."""
        self.options: dict[str, list[str]] = {}
        self.values = {"__range": f"{self.span}s", "__range_s": str(self.span), "__rate_interval": self.rate_interval}
        self.values["__from"] = f"{(self.at - self.span) * 1000:.0f}"
        # Of an annotation: it is asked for at a hundred moments, at most as often as it says.
        self.step = max(self.span // 100, 15)
        self.values |= {"__interval": f"{self.step}s", "__interval_ms": f"{self.step * 1000}"}
        for name, variable in variables(self.dashboard).items():
            if variable["type"] == "custom":
                self.values[name] = self.given.get(name, variable["current"]["value"])
            if variable["type"] != "query":
                continue
            options = self.options[name] = list(dict.fromkeys(self._offered(variable)))
            default = ALL if variable["includeAll"] else next(iter(options), "")
            self.values[name] = sent(variable, self.given.get(name, default), options)

    def _offered(self, variable: Json) -> Iterable[str]:
        text = filled(variable["query"]["query"], self.values)
        if match := re.fullmatch(r"label_values\((.*), (\w+)\)", text, re.DOTALL):
            found = self._ask(f"label/{match[2]}/values", {"match[]": match[1], "start": self.at - self.span, "end": self.at})
            return sorted(found)
        match = re.fullmatch(r"query_result\((.*)\)", text, re.DOTALL)
        assert match is not None, text
        samples = (_text(labels, value, self.at) for labels, value in self.query(match[1]))
        pattern = re.compile(variable["regex"].strip("/"))
        return [match[1] for sample in samples if (match := pattern.search(sample))]

    def _ask(self, path: str, parameters: Mapping[str, Any]) -> Any:
        answer = requests.get(f"{self.prometheus}/api/v1/{path}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def query(self, expr: str) -> list[Sample]:
        """Return what an expression gives at the end of the time range."""
        data = self._ask("query", {"query": expr, "time": self.at})
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def shown(self, title: str) -> list[list[Sample]]:
        """Return what each query of a panel gives at the end of the time range."""
        (panel,) = [panel for panel in panels(self.dashboard) if panel["title"] == title]
        return [self.query(filled(target["expr"], self.values)) for target in panel["targets"]]

    def events(self, name: str) -> list[tuple[str, float, float]]:
        """Return the title, begin and end of what an annotation draws, in Unix seconds; a line where both are the same."""
        (annotation,) = [each for each in self.dashboard["annotations"]["list"] if each["name"] == name]
        span = {"start": self.at - self.span, "end": self.at, "step": self.step}
        found = []
        for series in self._ask("query_range", {"query": filled(annotation["expr"], self.values), **span})["result"]:
            title = annotation["titleFormat"]
            for label, text in series["metric"].items():
                title = title.replace(f"{{{{{label}}}}}", text)
            moments = [float(value) / 1000 if annotation["useValueForTime"] else at for at, value in series["values"]]
            begin = end = moments[0]
            for moment in moments[1:]:
                # Moments that follow one another become one event.
                if end + self.step < moment:
                    found.append((title, begin, end))
                    begin = moment
                end = moment
            found.append((title, begin, end))
        return found

    def figure(self, title: str) -> float | None:
        """Return the value of a panel that shows one, or None where it says that there is none."""
        first, *_ = self.shown(title)
        assert len(first) <= 1, (title, first)
        return first[0][1] if first else None
