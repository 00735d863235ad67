"""Everything that is fuzzed, in the order in which it is shown."""

from __future__ import annotations

from fuzzing.lines import LINES, LOGS
from fuzzing.records import RECORDS
from fuzzing.settings import CONFIGURATIONS, WEB_CONFIGURATIONS
from fuzzing.stored import BASELINES, STATES

TARGETS = {target.name: target for target in (LINES, LOGS, RECORDS, CONFIGURATIONS, WEB_CONFIGURATIONS, BASELINES, STATES)}
