"""Variables of a dashboard, and how a link carries them."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import DATASOURCE

#: Kinds of query of Grafana's Prometheus variables.
_LABEL_VALUES, _RESULT = 1, 3
#: Ways to sort: as the query gives them, and alphabetically.
_AS_GIVEN, _ALPHABETICAL = 0, 1
#: How a variable is shown: with its name, by its value alone, or not at all.
_NAMED, _BY_VALUE, HIDDEN = 0, 1, 2


def _variable(name: str, label: str, description: str) -> Json:
    # A description has a mark beside the name, which takes room above the panels: only of what a name does not say.
    told = {"description": description} if description else {}
    return {
        "name": name,
        "label": label,
        **told,
        "multi": False,
        "includeAll": False,
        "hide": _NAMED,
        "skipUrlSync": False,
    }


def _query(name: str, label: str, description: str, expr: str, *, kind: int, sort: int) -> Json:
    return {
        "type": "query",
        **_variable(name, label, description),
        "datasource": DATASOURCE,
        "query": {"query": expr, "refId": f"variable-{name}", "qryType": kind},
        "definition": expr,
        "refresh": 2,
        "sort": sort,
        "regex": "",
    }


def datasource() -> Json:
    """Return the variable that names the Prometheus to ask."""
    # It stands first, and its value is the name of a Prometheus.
    found = _variable("datasource", "Prometheus", "")
    return {"type": "datasource", **found, "hide": _BY_VALUE, "query": "prometheus", "regex": "", "refresh": 1}


def of_label(name: str, label: str, selector: str) -> Json:
    """Return a variable whose single value is one that the label of its name has."""
    expr = f"label_values({selector}, {name})"
    return _query(name, label, "", expr, kind=_LABEL_VALUES, sort=_ALPHABETICAL)


def of_place(name: str, label: str, selector: str) -> Json:
    """Return a variable of a label that targets need not have: all values, among them none, unless one is chosen."""
    found = of_label(name, label, selector)
    everything = {"selected": True, "text": "All", "value": "$__all"}
    return found | {"includeAll": True, "allValue": ".*", "current": everything}


def of_places(name: str, label: str, selector: str) -> Json:
    """Return a variable of a label of which several values may be chosen, or all."""
    return of_place(name, label, selector) | {"multi": True}


def of_result(name: str, label: str, description: str, expr: str) -> Json:
    """Return a variable whose single value is one that the label of its name has in a query's result, in the result's order."""
    found = _query(name, label, description, f"query_result({expr})", kind=_RESULT, sort=_AS_GIVEN)
    # The text of a sample is `{name="value"} 1 1700000000000`, without escapes.
    return found | {"regex": f'/^\\{{{name}="([\\s\\S]*)"\\}} \\S+ \\S+$/'}


def of_name(name: str, label: str, description: str, expr: str, pattern: str) -> Json:
    """Return a variable whose single value is the part that a pattern groups of the metric names in a query's result."""
    found = of_result(name, label, description, expr)
    return found | {"regex": f"/^{pattern}\\{{\\}} \\S+ \\S+$/"}


def chosen(name: str, over: str, description: str, expr: str) -> Json:
    """Return a hidden variable with several values of the label ``over``: those that a query's result has."""
    found = of_result(over, name, description, expr)
    found["query"]["refId"] = f"variable-{name}"
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    several = {"multi": True, "includeAll": True, "current": everything, "hide": HIDDEN, "skipUrlSync": True}
    return found | {"name": name} | several


def one_of(name: str, label: str, description: str, values: Mapping[str, str]) -> Json:
    """Return a variable whose single value is one of a few, by the words for them; the first unless another is chosen."""
    options = [{"selected": not place, "text": text, "value": value} for place, (text, value) in enumerate(values.items())]
    asked = ",".join(f"{text} : {value}" for text, value in values.items())
    return {"type": "custom", **_variable(name, label, description), "query": asked, "options": options, "current": options[0]}


def carried(*names: str) -> str:
    """Return a link's parameters that keep variables and time range as they are.

    >>> carried("model", "version")
    '${model:queryparam}&${version:queryparam}&${__url_time_range}'
    """
    return "&".join([*(f"${{{name}:queryparam}}" for name in names), "${__url_time_range}"])
