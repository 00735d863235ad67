"""Statistics, one file each: formula, range, when undefined, source, and the declaration that everything is derived from.

To add one, write its module, and add one line here.
"""

from __future__ import annotations

from prediction_exporter.statistics.base import Statistic
from prediction_exporter.statistics.chi2_p_value import CHI2_P_VALUE
from prediction_exporter.statistics.comparison import Comparison, Reference
from prediction_exporter.statistics.drifted_columns import DRIFTED_COLUMNS
from prediction_exporter.statistics.drifted_columns_ratio import DRIFTED_COLUMNS_RATIO
from prediction_exporter.statistics.hellinger_distance import HELLINGER_DISTANCE
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.jensen_shannon_distance import JENSEN_SHANNON_DISTANCE
from prediction_exporter.statistics.kl_divergence import KL_DIVERGENCE
from prediction_exporter.statistics.ks_p_value import KS_P_VALUE
from prediction_exporter.statistics.ks_statistic import KS_STATISTIC
from prediction_exporter.statistics.max import MAX
from prediction_exporter.statistics.mean import MEAN
from prediction_exporter.statistics.min import MIN
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.statistics.quantile import QUANTILE
from prediction_exporter.statistics.schema_mismatch import SCHEMA_MISMATCH
from prediction_exporter.statistics.stddev import STDDEV
from prediction_exporter.statistics.total_variation_distance import TOTAL_VARIATION_DISTANCE
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO
from prediction_exporter.statistics.wasserstein_distance import WASSERSTEIN_DISTANCE

#: Every statistic, in the order of exposition, documentation and dashboards.
STATISTICS: tuple[Statistic, ...] = (
    PSI,
    JENSEN_SHANNON_DISTANCE,
    HELLINGER_DISTANCE,
    KL_DIVERGENCE,
    TOTAL_VARIATION_DISTANCE,
    WASSERSTEIN_DISTANCE,
    KS_STATISTIC,
    KS_P_VALUE,
    CHI2_P_VALUE,
    DRIFTED_COLUMNS,
    DRIFTED_COLUMNS_RATIO,
    MISSING_RATIO,
    INVALID_RATIO,
    NON_FINITE_RATIO,
    OUT_OF_RANGE_RATIO,
    UNSEEN_RATIO,
    SCHEMA_MISMATCH,
    OUTLIER_RATIO,
    MEAN,
    STDDEV,
    MIN,
    MAX,
    QUANTILE,
)

#: Those that are seen from other windows too, where it is configured.
DISTANCES: tuple[Statistic, ...] = tuple(statistic for statistic in STATISTICS if statistic.is_distance)
#: Those whose thresholds alerts read: the budget of false alarms is theirs, all together.
ALERTED: tuple[Statistic, ...] = (PSI, MISSING_RATIO, INVALID_RATIO, NON_FINITE_RATIO, OUT_OF_RANGE_RATIO, UNSEEN_RATIO)

__all__ = ["ALERTED", "DISTANCES", "STATISTICS", "Comparison", "Reference", "Statistic"]
