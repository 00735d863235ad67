"""Model process: what the processes of a model server use, of CPU, memory, files, disks, network and GPUs.

The exporter's own process is the ``exporter`` collector's. Processes, cgroups and GPUs are asked in a thread of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from prediction_exporter.collectors.base import Most, Poll, PollingCollector
from prediction_exporter.config import Config, Process
from prediction_exporter.cost.usage import Metered
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import MODEL, Family, FamilyType
from prediction_exporter.process import totals as counted
from prediction_exporter.process.gpu import MOST_GPUS, Gpu, GpuError, Gpus
from prediction_exporter.process.kept import Kept
from prediction_exporter.process.look import OK, Look, Looker, Part
from prediction_exporter.process.totals import Totals

logger = logging.getLogger(__name__)

_GPU = ("model", "gpu")


def _family(name: str, type_: FamilyType, help_: str, labels: tuple[str, ...] = MODEL) -> Family:
    return Family(name=name, type=type_, help=help_, labels=labels, group="process")


UP = _family(
    "model_process_up", "gauge", "1 where the model server's process is found and runs, 0 where it is not, or is a zombie."
)
STATUS = _family(
    "model_process_status",
    "gauge",
    "1 for each part of these series: ok, or the reason why it is absent.",
    ("model", "part", "reason"),
)
PROCESSES = _family("model_processes", "gauge", "Processes of the model server, children included and zombies not.")
CPU = _family("model_process_cpu_seconds_total", "counter", "User and system CPU time, of processes that have ended too.")
RESIDENT = _family("model_process_resident_memory_bytes", "gauge", "Resident memory; pages that processes share count in each.")
VIRTUAL = _family("model_process_virtual_memory_bytes", "gauge", "Virtual memory.")
OPEN_FDS = _family("model_process_open_fds", "gauge", "Open file descriptors of all processes together.")
MAX_FDS = _family("model_process_max_fds", "gauge", "Most file descriptors that one process may open; the smallest limit.")
FDS_RATIO = _family(
    "model_process_open_fds_ratio", "gauge", "Share of its limit of file descriptors that the fullest process has open."
)
THREADS = _family("model_process_threads", "gauge", "Threads of all processes together.")
START_TIME = _family("model_process_start_time_seconds", "gauge", "When the main process was started, as Unix time.")
READ = _family("model_process_read_bytes_total", "counter", "Bytes read from storage; what was in the cache is not.")
WRITTEN = _family("model_process_written_bytes_total", "counter", "Bytes written that storage is to take.")
RECEIVED = _family(
    "model_process_network_receive_bytes_total", "counter", "Bytes that network namespaces of their own received."
)
SENT = _family("model_process_network_transmit_bytes_total", "counter", "Bytes that network namespaces of their own sent.")
RESTARTS = _family("model_process_restarts_total", "counter", "How often other processes have taken the main one's place.")
WORKING_SET = _family(
    "model_process_memory_working_set_bytes",
    "gauge",
    "Memory that counts against the limit, without the cache that is taken back first, of the cgroup nearest to its limit.",
)
MEMORY_LIMIT = _family("model_process_memory_limit_bytes", "gauge", "Memory limit of the cgroup that is nearest to its limit.")
CPU_QUOTA = _family("model_process_cpu_quota_cores", "gauge", "Cores that the smallest quota of its cgroups allows.")
PERIODS = _family(
    "model_process_cpu_periods_total", "counter", "Periods of the CPU quota in which the cgroup had something to run."
)
THROTTLED_PERIODS = _family(
    "model_process_cpu_throttled_periods_total", "counter", "Periods of the CPU quota in which it was used up."
)
THROTTLED = _family(
    "model_process_cpu_throttled_seconds_total",
    "counter",
    "Time for which the CPU quota made the cgroup wait, of all its cores together.",
)
GPU_MEMORY = _family("model_process_gpu_memory_bytes", "gauge", "Memory of a GPU that the processes have allocated.", _GPU)
GPU_TOTAL = _family("model_process_gpu_memory_total_bytes", "gauge", "Memory of a GPU that the processes use.", _GPU)
GPU_UTILIZATION = _family(
    "model_process_gpu_utilization_ratio", "gauge", "Share of time in which the processes computed on a GPU.", _GPU
)
GPU_POWER = _family("model_process_gpu_power_watts", "gauge", "Power of a GPU that the processes use, all of it.", _GPU)
GPU_TEMPERATURE = _family(
    "model_process_gpu_temperature_celsius", "gauge", "Temperature of a GPU that the processes use.", _GPU
)

_GAUGES = (
    PROCESSES,
    RESIDENT,
    VIRTUAL,
    OPEN_FDS,
    MAX_FDS,
    FDS_RATIO,
    THREADS,
    START_TIME,
    WORKING_SET,
    MEMORY_LIMIT,
    CPU_QUOTA,
)
_COUNTERS = {
    counted.CPU: CPU,
    counted.READ: READ,
    counted.WRITTEN: WRITTEN,
    counted.RECEIVED: RECEIVED,
    counted.SENT: SENT,
    counted.RESTARTS: RESTARTS,
    counted.PERIODS: PERIODS,
    counted.THROTTLED_PERIODS: THROTTLED_PERIODS,
    counted.THROTTLED: THROTTLED,
}
_OF_GPUS = (GPU_MEMORY, GPU_TOTAL, GPU_UTILIZATION, GPU_POWER, GPU_TEMPERATURE)

#: Seconds between two looks at most: a worker that lives for less is seen only in what its parent has of it.
INTERVAL = 15.0

_REMEDIES = {
    "denied": "; run the exporter as the model server's user, or give it CAP_SYS_PTRACE",
    "unsupported": "; this system does not tell it, or not from within this container",
}


class ModelProcess(Poll):
    """The processes of one model's server.

    Args:
        model: the model's name.
        process: how they are found.
        kept: keeps the counters over restarts.
        gpus: the machine's GPUs.
        interval: seconds.
    """

    timeout = 10.0

    def __init__(self, model: str, process: Process, kept: Kept, *, gpus: Gpus | None, interval: float) -> None:
        self.interval = interval
        self._model = model
        self._process = process
        self._kept = kept
        self._looker: Looker | None = None
        self._gpus = gpus
        self._told: dict[str, str] = {}
        self._metered: Metered | None = None

    def poll(self) -> Samples:
        """Look, and return what is known."""
        if self._looker is None:  # not before: the poll of the former configuration goes on until this one begins
            self._looker = Looker(self._process, self._kept.load())
        look = self._looker.look()
        gpus = self._look_at_gpus(look)
        self._kept.save(self._looker.totals)
        self._tell(look)
        self._metered = _metered(look, gpus, self._looker.totals) if look.up else None
        return self._rendered(look, gpus, self._looker.totals.since)

    def _look_at_gpus(self, look: Look) -> list[Gpu]:
        if self._gpus is None:
            return []
        if not look.pids:
            look.status[Part.GPU] = look.status[Part.IO]  # not found, or of another namespace
            return []
        try:
            found = self._gpus.look(look.pids)
        except GpuError as error:
            look.status[Part.GPU] = error.reason
            self._say("gpu problem", str(error), f"model {self._model}: {error}")
            return []
        look.status[Part.GPU] = OK if found else "not_found"
        return found

    def _rendered(self, look: Look, gpus: list[Gpu], since: float | None) -> Samples:
        samples = Samples()
        labels = label_text(MODEL, (self._model,))
        samples.add(UP, labels, look.up)
        for part in Part:
            if part in look.status:
                samples.add(STATUS, label_text(STATUS.labels, (self._model, part.value, look.status[part])), 1)
        for family in _GAUGES:
            value = look.gauges.get(_key(family))
            if value is not None:
                samples.add(family, labels, value)
        for name, family in _COUNTERS.items():
            if name in look.counters:
                samples.add(family, labels, round(look.counters[name], 6), created=since)
        for gpu in gpus:
            of = label_text(_GPU, (self._model, gpu.name))
            values = (gpu.memory, gpu.total, gpu.utilization, gpu.power, gpu.temperature)
            for family, value in zip(_OF_GPUS, values, strict=True):
                if value is not None:
                    samples.add(family, of, value)
        return samples

    def _tell(self, look: Look) -> None:
        """Log what is other than at the last look."""
        if look.up:
            what = (
                f"{len(look.pids)}: {look.pids[0]} and its children" if len(look.pids) > 1 else ", ".join(map(str, look.pids))
            )
            self._say(
                "up", "up", f"model {self._model}: its processes are found by {self._process.shown}: {what or 'a cgroup'}"
            )
        else:
            self._say("up", look.problem, f"model {self._model}: its process is not found: {look.problem}")
        for part, reason in look.status.items():
            if part is Part.PROCESS or not look.up:
                continue
            remedy = _REMEDIES.get(reason)
            self._say(part, reason, f"model {self._model}: {part.value} of its processes: {reason}{remedy}" if remedy else "")

    def _say(self, about: str, state: str, message: str) -> None:
        if self._told.get(about) != state:
            self._told[about] = state
            if message:
                logger.log(logging.INFO if state == "up" else logging.WARNING, message)

    def most(self) -> Most:
        """All of them, with as many GPUs as have series at most."""
        of_gpus = MOST_GPUS if self._gpus is not None else 0
        parts = len(Part) - (self._gpus is None)
        return Most(
            {
                **{family.name: 1 for family in (UP, *_GAUGES, *_COUNTERS.values())},
                STATUS.name: parts,
                **({family.name: of_gpus for family in _OF_GPUS} if of_gpus else {}),
            },
            {},
        )

    def metered(self) -> Metered | None:
        """Return what the last look saw that may have a price; nothing where the process was not there."""
        return self._metered

    def close(self) -> None:
        """Let go of the GPUs' driver."""
        if self._gpus is not None:
            self._gpus.close()


def _metered(look: Look, gpus: list[Gpu], totals: Totals) -> Metered:
    """Return what of a look may have a price.

    CPU time is that of all processes that there were, as one counter, which is another one where it began at another time.
    """
    cpu = look.counters.get(counted.CPU)
    return Metered(
        cpu_seconds={} if cpu is None else {f"{totals.since}": cpu},
        memory_bytes=look.gauges.get(_key(RESIDENT)),
        gpus=float(len(gpus)) if look.status.get(Part.GPU) in (OK, "not_found") else None,
    )


def _key(family: Family) -> str:
    """Return what a look calls a gauge."""
    return family.name.removeprefix("model_process_").removeprefix("model_")


def _open(config: Config) -> Mapping[str, Poll]:
    return {
        model.name: ModelProcess(
            model.name,
            model.process,
            Kept(config.state_dir, model.name, model.process),
            gpus=Gpus() if model.process.gpu else None,
            interval=min(config.interval.seconds, INTERVAL),
        )
        for model in config.models
        if model.process is not None
    }


COLLECTOR = PollingCollector(
    name="model_process",
    summary="What the model server's processes use of CPU, memory, files, disks, network and GPUs.",
    families=(
        UP,
        STATUS,
        PROCESSES,
        CPU,
        RESIDENT,
        VIRTUAL,
        OPEN_FDS,
        MAX_FDS,
        FDS_RATIO,
        THREADS,
        START_TIME,
        READ,
        WRITTEN,
        RECEIVED,
        SENT,
        RESTARTS,
        WORKING_SET,
        MEMORY_LIMIT,
        CPU_QUOTA,
        PERIODS,
        THROTTLED_PERIODS,
        THROTTLED,
        *_OF_GPUS,
    ),
    maturity=0,
    open=_open,
)
