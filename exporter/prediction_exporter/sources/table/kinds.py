"""Every kind of database that is known, by what addresses begin with."""

from __future__ import annotations

from prediction_exporter.sources.table.clickhouse import CLICKHOUSE
from prediction_exporter.sources.table.dialects import DIALECTS, Dialect
from prediction_exporter.sources.table.spark import SPARK
from prediction_exporter.sources.table.warehouses import WAREHOUSES

KINDS: dict[str, Dialect] = {**DIALECTS, "clickhousedb": CLICKHOUSE, "hive": SPARK, **WAREHOUSES}
