"""How good predictions were: mergeable counts of predictions and their labels, and measures of them, one file each.

What others call::

    layout = performance_layout(baseline.layout, "binary", positive="yes", threshold=0.4)
    encoder = layout.encoder()                          # gives texts of classes their codes, on both sides
    codes = (encoder.encode(texts) for texts in (predicted, actual))
    minute = Performance.of(layout, *codes, scores)     # a batch of pairs
    window.add(minute)                                  # any minutes, in any order
    minute.take_out(of_wrong_labels)                    # labels that were corrected: the old pairs go,
    minute.add(of_right_labels)                         # and the new ones come
    stored = minute.counts                              # int64, mostly zeros; Performance(layout, stored) is it again
    measure(MEASURES, window, of_baseline, alpha=0.001, min_labels=30)

``scores`` are float64 (n, S), in the order of ``layout.scores``, whose ``column`` says which. What joins labels keeps texts or
codes, the scores as they came and the weight, for a pair is taken out by counting it again. Counts of one ``layout.digest`` may
be added up, also those of other replicas. Only pairs come in here: coverage, delay and maturity are of what joins them. What a
pair is not counted for is told by ``unusable``, ``unscored``, ``clipped`` and ``zero_actuals``.

Of a ranking whole lists come in, each once: ``Performance.of_sets(layout, sets)``, by which of their items were chosen.

To add a measure, write its module, and add one line here.
"""

from __future__ import annotations

from prediction_exporter.performance.accuracy_ratio import ACCURACY_RATIO
from prediction_exporter.performance.adjusted_r2_score import ADJUSTED_R2_SCORE
from prediction_exporter.performance.average_precision import AVERAGE_PRECISION
from prediction_exporter.performance.balanced_accuracy_ratio import BALANCED_ACCURACY_RATIO
from prediction_exporter.performance.base import Measure
from prediction_exporter.performance.brier_score import BRIER_SCORE
from prediction_exporter.performance.calibration_error import CALIBRATION_ERROR
from prediction_exporter.performance.confusion_predictions import CONFUSION_PREDICTIONS
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.evaluation import Measured, measure
from prediction_exporter.performance.f1_score import F1_SCORE
from prediction_exporter.performance.layout import PerformanceLayout, ScoreBins, performance_layout
from prediction_exporter.performance.log_loss import LOG_LOSS
from prediction_exporter.performance.mae import MAE
from prediction_exporter.performance.mape_ratio import MAPE_RATIO
from prediction_exporter.performance.matthews_correlation import MATTHEWS_CORRELATION
from prediction_exporter.performance.mean_error import MEAN_ERROR
from prediction_exporter.performance.mean_reciprocal_rank import MEAN_RECIPROCAL_RANK
from prediction_exporter.performance.median_absolute_error import MEDIAN_ABSOLUTE_ERROR
from prediction_exporter.performance.ndcg import NDCG
from prediction_exporter.performance.precision_at_threshold_ratio import PRECISION_AT_THRESHOLD_RATIO
from prediction_exporter.performance.precision_ratio import PRECISION_RATIO
from prediction_exporter.performance.quantile_loss import QUANTILE_LOSS
from prediction_exporter.performance.r2_score import R2_SCORE
from prediction_exporter.performance.recall_at_threshold_ratio import RECALL_AT_THRESHOLD_RATIO
from prediction_exporter.performance.recall_ratio import RECALL_RATIO
from prediction_exporter.performance.rmse import RMSE
from prediction_exporter.performance.roc_auc import ROC_AUC
from prediction_exporter.performance.specificity_ratio import SPECIFICITY_RATIO
from prediction_exporter.performance.top_decile_lift import TOP_DECILE_LIFT

#: Every measure, in the order of exposition, documentation and dashboards.
MEASURES: tuple[Measure, ...] = (
    ACCURACY_RATIO,
    BALANCED_ACCURACY_RATIO,
    PRECISION_RATIO,
    RECALL_RATIO,
    SPECIFICITY_RATIO,
    F1_SCORE,
    MATTHEWS_CORRELATION,
    ROC_AUC,
    AVERAGE_PRECISION,
    LOG_LOSS,
    BRIER_SCORE,
    CALIBRATION_ERROR,
    TOP_DECILE_LIFT,
    PRECISION_AT_THRESHOLD_RATIO,
    RECALL_AT_THRESHOLD_RATIO,
    CONFUSION_PREDICTIONS,
    RMSE,
    MAE,
    MEDIAN_ABSOLUTE_ERROR,
    MAPE_RATIO,
    R2_SCORE,
    ADJUSTED_R2_SCORE,
    MEAN_ERROR,
    QUANTILE_LOSS,
    NDCG,
    MEAN_RECIPROCAL_RANK,
)

__all__ = [
    "MEASURES",
    "Measure",
    "Measured",
    "Performance",
    "PerformanceLayout",
    "ScoreBins",
    "measure",
    "performance_layout",
]
