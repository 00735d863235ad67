"""Labels: predictions wait on disk for the truth, and the truth for predictions.

A monitor makes one :class:`Store` for a model, with a :class:`Shape`. In each step it puts what its sources read and folds the
pairs that come back into its counts of performance, all in the transaction that stores positions::

    with state.step(model, claim=claim) as step:
        for joined in (store.put_predictions(step, predictions, now), store.put_labels(step, labels, now)):
            of_minutes(joined.added)  # Performance of each minute of predictions, version, part and segment: added
            of_minutes(joined.removed)  # and taken out
        store.expire(step, now)
        step.commit(stored, layout, buckets, keep_from=keep_from)

That is all of the interface, with two that only read: ``store.coverage(step, first, last)`` says of how many predictions of
each minute, version, part and predicted class the label has come, which is what maturity is told by, and ``store.tallies`` what
became of everything else, as counters.

What it promises: whatever comes first, comes twice, in whatever order, or is corrected, the pairs that were added less those
that were removed are each prediction once, with the label of it that was known last; over ``kill -9`` too.
"""

from prediction_exporter.labels.batches import Coverage, Joined, LabelKind, Labels, Pairs, Predictions, Shape
from prediction_exporter.labels.store import Store

__all__ = ["Coverage", "Joined", "LabelKind", "Labels", "Pairs", "Predictions", "Shape", "Store"]
