"""The baseline: what a model was trained or validated on, as a profile in a small file."""

from prediction_exporter.baseline.record import Baseline, BaselineRecord, Task, load, save, to_columns, to_profile

__all__ = ["Baseline", "BaselineRecord", "Task", "load", "save", "to_columns", "to_profile"]
