"""The row on what the processes of the model server use."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import (
    CPU,
    CPU_QUOTA,
    FDS_RATIO,
    GPU_MEMORY,
    GPU_TOTAL,
    GPU_UTILIZATION,
    MEMORY_LIMIT,
    PERIODS,
    PROCESSES,
    READ,
    RECEIVED,
    RESIDENT,
    RESTARTS,
    SENT,
    THREADS,
    THROTTLED_PERIODS,
    WORKING_SET,
    WRITTEN,
)
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.selectors import MODEL, rate
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.process import CPU_PER_1000, MEMORY_PER_1000

_UNSAID = "no process declared, or not found: process"
_NO_LIMIT = "the process has no memory limit, or is not declared: process"
_NO_QUOTA = "the process has no CPU quota, or is not declared: process"


def process() -> list[Panel]:
    """Return the panels of the row."""
    return [
        p.timeseries(
            "Cores in use",
            "CPU seconds a second, on each replica, and the quota of one.",
            Query(expr=rate(CPU, MODEL), legend="{{instance}}"),
            Query(expr=f"min({CPU_QUOTA.where(*MODEL)})", legend="quota", role=looks.THRESHOLD),
            unit="short",
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Memory against its limit",
            "Memory that counts against the limit, as a share of it, on each replica; at 100 % the kernel kills a process.",
            Query(expr=f"{WORKING_SET.where(*MODEL)} / {MEMORY_LIMIT.where(*MODEL)}", legend="{{instance}}"),
            unit="percentunit",
            no_data=_NO_LIMIT,
        ),
        p.timeseries(
            "Resident memory",
            "Of all processes of the server, on each replica; pages that they share count in each.",
            Query(expr=RESIDENT.where(*MODEL), legend="{{instance}}"),
            unit="bytes",
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Waiting for the quota",
            "Share of the periods of the CPU quota in which it was used up, on each replica.",
            Query(
                expr=f"{rate(THROTTLED_PERIODS, MODEL)} / ({rate(PERIODS, MODEL)} > 0)",
                legend="{{instance}}",
            ),
            unit="percentunit",
            maximum=1,
            no_data=_NO_QUOTA,
        ),
        p.timeseries(
            "CPU for 1,000 predictions",
            "CPU seconds that all replicas together spent for 1,000 predictions, over half an hour.",
            Query(expr=f"sum({CPU_PER_1000.where(*MODEL)})", legend="CPU"),
            unit="s",
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Memory for 1,000 predictions a second",
            "Resident memory of all replicas together for 1,000 predictions a second, over half an hour.",
            Query(expr=f"sum({MEMORY_PER_1000.where(*MODEL)})", legend="memory"),
            unit="bytes",
            no_data=_UNSAID,
        ),
        p.counts(
            p.timeseries(
                "Processes, threads, restarts",
                "Of all replicas together; restarts are those of the time range.",
                Query(expr=f"sum({PROCESSES.where(*MODEL)})", legend="processes"),
                Query(expr=f"sum({THREADS.where(*MODEL)})", legend="threads"),
                Query(expr=f"sum(increase({RESTARTS.where(*MODEL)}[$__range] @ end()))", legend="restarts"),
                unit="short",
                no_data=_UNSAID,
            )
        ),
        p.timeseries(
            "Open files",
            "Share of its limit of file descriptors that the fullest process has open, on each replica.",
            Query(expr=FDS_RATIO.where(*MODEL), legend="{{instance}}"),
            unit="percentunit",
            maximum=1,
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Storage and network",
            "Bytes a second, all replicas together; the network where the server has a namespace of its own.",
            *(
                Query(expr=f"sum({rate(family, MODEL)})", legend=name)
                for family, name in ((READ, "read"), (WRITTEN, "written"), (RECEIVED, "received"), (SENT, "sent"))
            ),
            unit="Bps",
            no_data=_UNSAID,
        ),
        p.timeseries(
            "GPU",
            "Share of time in which the processes computed on each GPU, and share of its memory that they have allocated.",
            Query(expr=GPU_UTILIZATION.where(*MODEL), legend="computing {{gpu}} {{instance}}"),
            Query(
                expr=f"{GPU_MEMORY.where(*MODEL)} / ({GPU_TOTAL.where(*MODEL)} > 0)",
                legend="memory {{gpu}} {{instance}}",
            ),
            unit="percentunit",
            no_data="the process uses no GPU, or GPUs are not asked: process.gpu",
        ),
    ]
