"""The configuration: one YAML file, checked as a whole before anything starts."""

from prediction_exporter.config.artifacts import Retraining, Storage
from prediction_exporter.config.capacity import Capacity, Replicas
from prediction_exporter.config.contacts import (
    Alertmanager,
    Contact,
    Discord,
    Escalation,
    Opsgenie,
    Owner,
    PagerDuty,
    Responder,
    Teams,
    Webhook,
)
from prediction_exporter.config.cost import CURRENCIES, METERED, RATES, Cost, Focus, OpenCost
from prediction_exporter.config.fields import FeaturePattern, Features, Fields, StatusField, TimeField
from prediction_exporter.config.files import baseline_command, check_files, check_log_folders
from prediction_exporter.config.latency import UNIT_ENDINGS, LatencyField
from prediction_exporter.config.load import load, parse
from prediction_exporter.config.measured import MeasuredDuration
from prediction_exporter.config.models import (
    Column,
    Config,
    Info,
    Model,
    Notes,
    Series,
    Thresholds,
)
from prediction_exporter.config.notifications import Digest, Notifications, Smtp, WorkingHours
from prediction_exporter.config.objectives import coarse_objectives
from prediction_exporter.config.predictions import S3, Files, Log, Predictions, Table
from prediction_exporter.config.process import Process
from prediction_exporter.config.schema import json_schema, write_schema
from prediction_exporter.config.scores import ScorePattern
from prediction_exporter.config.server import Server
from prediction_exporter.config.slo import FreshnessObjective, LatencyObjective, Slo
from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import Area, FileFormat, Kind, LogFormat, Start, TableMode, Task, Unit, known_thresholds

__all__ = [
    "CURRENCIES",
    "METERED",
    "RATES",
    "S3",
    "UNIT_ENDINGS",
    "Alertmanager",
    "Area",
    "Capacity",
    "Column",
    "Config",
    "Contact",
    "Cost",
    "Digest",
    "Discord",
    "Duration",
    "Escalation",
    "FeaturePattern",
    "Features",
    "Fields",
    "FileFormat",
    "Files",
    "Focus",
    "FreshnessObjective",
    "Info",
    "Kind",
    "LatencyField",
    "LatencyObjective",
    "Log",
    "LogFormat",
    "MeasuredDuration",
    "Model",
    "Notes",
    "Notifications",
    "OpenCost",
    "Opsgenie",
    "Owner",
    "PagerDuty",
    "Predictions",
    "Process",
    "Replicas",
    "Responder",
    "Retraining",
    "ScorePattern",
    "Series",
    "Server",
    "Slo",
    "Smtp",
    "Start",
    "StatusField",
    "Storage",
    "Table",
    "TableMode",
    "Task",
    "Teams",
    "Thresholds",
    "TimeField",
    "Unit",
    "Webhook",
    "WorkingHours",
    "baseline_command",
    "check_files",
    "check_log_folders",
    "coarse_objectives",
    "json_schema",
    "known_thresholds",
    "load",
    "parse",
    "write_schema",
]
