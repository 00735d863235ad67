"""Bodies: what is the same of the bodies of a request and of its response, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.sources.records.payloads import PayloadError

#: The first HTTP status of a request that was not answered with predictions.
FIRST_FAILURE = 400

#: What a status says of a request that failed, where no code does.
FAILED = "error"

#: The name of a feature where neither the record nor the configuration has one.
_UNNAMED = "input"


def features_of(inputs: Any) -> Any:
    """Return the inputs of a row as features: an object, or a list of those without names.

    >>> features_of({"age": 4}), features_of([4, 5]), features_of(4)
    ({'age': 4}, [4, 5], {'input': 4})
    """
    return inputs if isinstance(inputs, Mapping | list) else {_UNNAMED: inputs}


def events_of(
    own: Mapping[str, Any], features: Sequence[Any] | None, outcomes: Sequence[Mapping[str, Any]] | None
) -> Iterator[dict[str, Any]]:
    """Yield the events of a request: what it has of its own, with the features and the outcome of a row each.

    Args:
        own: what all rows share.
        features: of each row, as :func:`features_of` returns them; None where inputs are not known.
        outcomes: the prediction and the score of each row, as far as it has them; None where outputs are not known.

    Raises:
        PayloadError: there are not as many outcomes as rows of features.
    """
    if features is None and outcomes is None:
        yield dict(own)
    elif features is None:
        yield from ({**own, **outcome} for outcome in outcomes or ())
    elif outcomes is None:
        yield from ({**own, "features": values} for values in features)
    elif len(features) != len(outcomes):
        raise PayloadError(f"{len(features)} rows of inputs and {len(outcomes)} of outputs", "uneven_rows")
    else:
        for values, outcome in zip(features, outcomes, strict=True):
            yield {**own, "features": values, **outcome}
