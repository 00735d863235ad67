"""TensorFlow Serving: ``PredictionLog`` as JSON, and the bodies of its REST interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.pairs import flat_pairs, is_pair, with_sides
from prediction_exporter.sources.layouts.prediction_log import flat_log, kind_of


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    if kind_of(record) is not None:
        yield from flat_log(record, options)
        return
    record = with_sides(record)
    response = record.get("response")
    results = response if isinstance(response, Mapping) else record
    if isinstance(results.get("result"), list) or isinstance(results.get("results"), list):
        key = "result" if "result" in results else "results"
        opened = {**results, key: [_ranked(item) for item in results[key]]}
        record = {**record, "response": opened} if results is response else opened
    yield from flat_pairs(record, options)


def _ranked(result: Any) -> Any:
    """Return the labels and scores of one example as an object, the highest score first; a value of a regression as it is."""
    if not isinstance(result, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], int | float)  # noqa: PLR2004 - a pair
        for pair in result
    ):
        return result
    ranked = sorted(result, key=lambda pair: -pair[1])
    return {"label": ranked[0][0], "score": dict(map(tuple, ranked))} if ranked else result


LAYOUT = RecordLayout(
    name="tfserving",
    writer="TensorFlow Serving: `PredictionLog` as JSON (predict, classify, regress), or REST bodies that a proxy logs",
    evidence=(
        "genuine: bodies printed in its documentation; `PredictionLog` by its published protocol, which protocol buffers read "
        "and write back alike"
    ),
    flat=_flat,
    is_meant=lambda record: kind_of(record) is not None or is_pair(record),
    notes=(
        (
            "The server writes no JSON itself: write each `PredictionLog` of its collector as a line with `MessageToJson`, or"
            " have a proxy write `request` and `response` of REST in one record."
        ),
        (
            "The time is `timestampSecs` of the log's metadata, or the record's (`time`, `timestamp` and the like); where "
            "there is none it is that of reading. `PredictionLog` has neither an id, a status nor a latency: failed requests "
            "are not in it."
        ),
        "An output of several values is scores, one value the prediction; of classes the one with the highest score.",
        (
            "Logs of sessions, of several inferences and of streams are refused as `payload`, as is one of a request without "
            "its response, such as warms a model up."
        ),
    ),
)
