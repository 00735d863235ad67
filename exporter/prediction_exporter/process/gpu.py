"""What the processes of a model server use of NVIDIA's GPUs, as the driver tells it through NVML (``nvidia-ml-py``).

Power and temperature are those of a whole GPU: a driver knows them of no process. Reference: docs.nvidia.com/deploy/nvml-api.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")

#: GPUs of a machine that have series, at most.
MOST_GPUS = 16

#: What to install, for messages.
EXTRA = "prediction-exporter[nvidia]"


class GpuError(Exception):
    """GPUs cannot be asked.

    Attributes:
        reason: a word for it, as the status of the part.
    """

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU on which the processes run; what its driver does not tell is None.

    Attributes:
        name: its UUID, which stays over restarts and in containers.
        memory: bytes that the processes have allocated.
        utilization: share of the last span in which their kernels ran, in [0, 1], summed over them.
        power: watts of the whole GPU.
        temperature: of the whole GPU, in degrees Celsius.
        total: bytes of memory that it has.
    """

    name: str
    memory: int | None
    utilization: float | None
    power: float | None
    temperature: float | None
    total: int | None


class Gpus:
    """The machine's GPUs. The driver is asked at the first look, and again where it was not there."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._looked: dict[str, int] = {}

    def look(self, pids: Collection[int]) -> list[Gpu]:
        """Return the GPUs on which any of the processes runs.

        Raises:
            GpuError: there is no library, no driver, or it answers with an error.
        """
        nvml = self._opened()
        try:
            count = min(nvml.nvmlDeviceGetCount(), MOST_GPUS)
            found = (self._of(nvml, nvml.nvmlDeviceGetHandleByIndex(index), set(pids)) for index in range(count))
            return [gpu for gpu in found if gpu is not None]
        except nvml.NVMLError as error:
            self.close()  # after an update of the driver it answers again only when it is opened anew
            raise GpuError("failed", f"the driver of the GPUs answers: {error}") from error

    def close(self) -> None:
        """Let go of the driver."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            _asked(nvml, nvml.nvmlShutdown)

    def _opened(self) -> Any:
        if self._nvml is None:
            try:
                nvml = import_module("pynvml")
            except ImportError as error:
                raise GpuError("unsupported", f"nvidia-ml-py is not installed: pip install '{EXTRA}'") from error
            try:
                nvml.nvmlInit()
            except nvml.NVMLError as error:
                raise GpuError("unsupported", f"there is no driver of a GPU: {error}") from error
            self._nvml = nvml
        return self._nvml

    def _of(self, nvml: Any, handle: Any, pids: set[int]) -> Gpu | None:
        running = [
            each
            for asked in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
            for each in _asked(nvml, lambda asked=asked: asked(handle)) or ()  # type: ignore[misc]  # of the loop
            if each.pid in pids
        ]
        if not running:
            return None
        name = nvml.nvmlDeviceGetUUID(handle)
        power = _asked(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        total = _asked(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total)
        # One that computes and draws is in both lists with the same memory.
        memory = {each.pid: each.usedGpuMemory for each in running}
        return Gpu(
            name=name.decode() if isinstance(name, bytes) else str(name),
            memory=None if None in memory.values() else sum(memory.values()),
            utilization=self._utilization(nvml, handle, name, pids),
            power=None if power is None else power / 1000,
            temperature=_asked(nvml, lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            total=total,
        )

    def _utilization(self, nvml: Any, handle: Any, name: str, pids: set[int]) -> float | None:
        """Return the mean share of the samples since the last look, summed over processes; 0 where none of them computed."""
        since = self._looked.get(name, int((time.time() - 1.0) * 1e6))
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(handle, since)
        except nvml.NVMLError as error:
            # So it answers where no process had anything to do since then.
            return 0.0 if error.value in {nvml.NVML_ERROR_NOT_FOUND, nvml.NVML_SUCCESS} else None
        # Drivers are known to answer with places of their buffer that nothing was written to.
        written = [sample for sample in samples if sample.timeStamp > since and sample.smUtil <= 100]  # noqa: PLR2004 - percent
        self._looked[name] = max([since, *(sample.timeStamp for sample in written)])
        return _mean_by_process((sample.pid, sample.smUtil) for sample in written if sample.pid in pids) / 100


def _mean_by_process(samples: Iterable[tuple[int, int]]) -> float:
    by_pid: dict[int, list[int]] = {}
    for pid, percent in samples:
        by_pid.setdefault(pid, []).append(percent)
    return sum(sum(percents) / len(percents) for percents in by_pid.values())


def _asked(nvml: Any, ask: Callable[[], T]) -> T | None:
    """Return an answer; None where this GPU or its driver has none, or one is being taken away."""
    try:
        return ask()
    except nvml.NVMLError:
        return None
