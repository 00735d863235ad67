"""The names that a note may hold beside that of a model: they are label values, so there is only a list of each."""

from __future__ import annotations

from typing import Literal, get_args

#: ``true``: something was wrong; ``false``: nothing was; ``expected``: something changed, and it was known to come.
Verdict = Literal["true", "false", "expected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

#: Every alert of the kit, which what runs does not load; a test compares this list with the kit's.
ALERTS: tuple[str, ...] = (
    "ModelNoPredictions",
    "ModelErrorBudgetBurn",
    "ModelLatencyBudgetBurn",
    "ModelFreshnessBudgetBurn",
    "ModelSaturated",
    "ModelReplicasMissing",
    "ModelProcessDown",
    "ModelProcessRestarts",
    "ModelMemoryNearLimit",
    "ModelCpuThrottled",
    "ModelOpenFilesNearLimit",
    "ModelExporterDown",
    "ModelExporterRestarts",
    "ModelGone",
    "ModelSourceStale",
    "ModelSourceEmpty",
    "ModelLogVolumeFilling",
    "ModelServerUnseen",
    "ModelRulesLate",
    "ModelConfigReloadFailed",
    "ModelCollectorFailed",
    "ModelStateDamaged",
    "ModelStatisticFailed",
    "ModelBaselineMismatch",
    "ModelLinesRejected",
    "ModelFieldNotFound",
    "ModelMissingValues",
    "ModelInvalidValues",
    "ModelOutOfRangeValues",
    "ModelUnseenCategories",
    "ModelWidespreadDrift",
    "ModelBroadChange",
    "ModelPredictionDrift",
    "ModelFeatureDrift",
    "ModelPerformanceDrop",
    "ModelLabelsLate",
    "ModelLabelCoverageLow",
    "ModelLabelsGivenUp",
    "ModelLabelDrift",
    "ModelCostOverrun",
    "ModelCostAnomaly",
    "ModelCostUnknown",
)

#: Stands for the alert of a note that names none.
NO_ALERT = ""
