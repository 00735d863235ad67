"""GPUs: the driver's C library answered by a fake, as its header defines the answers; and a real card where there is one."""

# ruff: noqa: D102, N802 - the functions of the fake are the library's

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from model_servers import configured, look, reason, serving, value
from prediction_exporter.collectors.model_process import COLLECTOR
from prediction_exporter.process.gpu import GpuError, Gpus
from watched import total

pynvml: Any = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")

GIB = 1 << 30
NOT_AVAILABLE = (1 << 64) - 1


@dataclass
class Card:
    """A GPU of the fake driver."""

    uuid: str
    computing: dict[int, int] = field(default_factory=dict)
    drawing: dict[int, int] = field(default_factory=dict)
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    milliwatts: int | None = 250_000
    celsius: int = 61
    memory: int = 80 * GIB


class Library:
    """The functions of ``libnvidia-ml.so.1`` that are called, with their arguments and return codes.

    Pointers come as ctypes passes them: what they point to is written to.
    """

    def __init__(self, *cards: Card) -> None:
        self.cards = cards
        self.present = True
        self.opened = 0

    def nvmlInitWithFlags(self, _: int) -> int:
        if not self.present:
            return int(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        self.opened += 1
        return 0

    def nvmlShutdown(self) -> int:
        self.opened -= 1
        return 0

    def nvmlErrorString(self, _: int) -> bytes:
        return b"an error of the driver"

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        if not self.present:
            return int(pynvml.NVML_ERROR_GPU_IS_LOST)
        count._obj.value = len(self.cards)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        ctypes.memmove(
            ctypes.byref(handle._obj), ctypes.byref(ctypes.c_size_t(index.value + 1)), ctypes.sizeof(ctypes.c_size_t)
        )
        return 0

    def _card(self, handle: Any) -> Card:
        place = ctypes.cast(handle, ctypes.c_void_p).value
        assert place is not None
        return self.cards[place - 1]

    def nvmlDeviceGetUUID(self, handle: Any, text: Any, _: Any) -> int:
        text.value = self._card(handle).uuid.encode()
        return 0

    def nvmlDeviceGetPowerUsage(self, handle: Any, power: Any) -> int:
        milliwatts = self._card(handle).milliwatts
        if milliwatts is None:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        power._obj.value = milliwatts
        return 0

    def nvmlDeviceGetTemperature(self, handle: Any, _: Any, celsius: Any) -> int:
        celsius._obj.value = self._card(handle).celsius
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        memory._obj.total = self._card(handle).memory
        return 0

    def _processes(self, running: dict[int, int], count: Any, places: Any) -> int:
        if not running:
            count._obj.value = 0
            return 0
        if places is None or count._obj.value < len(running):
            count._obj.value = len(running)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for place, (pid, memory) in zip(places, running.items(), strict=False):
            place.pid, place.usedGpuMemory = pid, memory
        count._obj.value = len(running)
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle: Any, count: Any, places: Any) -> int:
        return self._processes(self._card(handle).computing, count, places)

    def nvmlDeviceGetGraphicsRunningProcesses_v3(self, handle: Any, count: Any, places: Any) -> int:
        return self._processes(self._card(handle).drawing, count, places)

    def nvmlDeviceGetProcessUtilization(self, handle: Any, places: Any, count: Any, since: Any) -> int:
        found = [sample for sample in self._card(handle).samples if sample[1] > since.value or sample[1] == 0]
        if not found:
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        if places is None:
            count._obj.value = len(found)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for place, (pid, at, percent) in zip(places, found, strict=True):
            place.pid, place.timeStamp, place.smUtil = pid, at, percent
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Library]:
    """Return a function that puts a fake in the library's place."""

    def install(*cards: Card) -> Library:
        library = Library(*cards)
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return library

    return install


FAR = 1 << 62  # a time stamp after now


def test_what_processes_use_of_gpus(driver: Callable[..., Library]) -> None:
    """Their memory and computing are added up, others' are not; power and temperature are the card's."""
    driver(
        Card("GPU-a", computing={7: 2 * GIB, 8: GIB, 99: 40 * GIB}, samples=[(7, FAR, 30), (8, FAR, 25), (99, FAR, 40)]),
        Card("GPU-b", computing={99: GIB}),
        # One that computes and draws is in both lists; this card tells no power.
        Card("GPU-c", computing={7: GIB}, drawing={7: GIB, 8: 3 * GIB}, milliwatts=None, celsius=40),
    )
    gpus = Gpus()
    first, second = gpus.look([7, 8])
    assert (first.name, first.memory, first.total, first.power, first.temperature) == ("GPU-a", 3 * GIB, 80 * GIB, 250.0, 61)
    assert first.utilization == pytest.approx(0.55)
    assert (second.name, second.memory, second.utilization, second.power, second.temperature) == ("GPU-c", 4 * GIB, 0, None, 40)
    # The same samples do not count again.
    assert gpus.look([7])[0].utilization == 0


def test_what_drivers_do_not_write(driver: Callable[..., Library]) -> None:
    """Places of the buffer with time 0 and shares above all are left out; memory that is not told is absent."""
    card = Card("GPU-a", computing={7: NOT_AVAILABLE}, samples=[(7, FAR, 50), (7, 0, 90), (7, FAR, 2863311530)])
    driver(card)
    (gpu,) = Gpus().look([7])
    assert (gpu.memory, gpu.utilization) == (None, 0.5)


def test_a_driver_that_is_lost_and_comes_back(driver: Callable[..., Library]) -> None:
    """It is opened anew, and closed as often as it was opened."""
    library = driver(Card("GPU-a", computing={7: GIB}))
    gpus = Gpus()
    assert len(gpus.look([7])) == 1
    library.present = False
    with pytest.raises(GpuError, match="the driver of the GPUs answers") as lost:
        gpus.look([7])
    assert lost.value.reason == "failed"
    with pytest.raises(GpuError, match="no driver") as without:
        gpus.look([7])
    assert without.value.reason == "unsupported"
    library.present = True
    assert len(gpus.look([7])) == 1
    gpus.close()
    assert library.opened == 0


def test_series_of_a_server_with_a_gpu(tmp_path: Path, driver: Callable[..., Library]) -> None:
    """Labelled by the card; all others are there whether or not it can be asked."""
    with serving("computing-server") as server:
        library = driver(Card("GPU-a", computing={server.pid: 2 * GIB}, samples=[(server.pid, FAR, 70)]))
        poll = COLLECTOR.open(configured(tmp_path, {"command": "computing-server", "gpu": True}))["m"]
        series = look(poll)
        assert reason(series, "gpu") == "ok"
        assert total(series, "model_process_gpu_memory_bytes", gpu="GPU-a") == 2 * GIB
        assert total(series, "model_process_gpu_utilization_ratio", gpu="GPU-a") == 0.7
        assert total(series, "model_process_gpu_power_watts", gpu="GPU-a") == 250
        assert total(series, "model_process_gpu_temperature_celsius", gpu="GPU-a") == 61
        most = poll.most().fixed
        for name in {name for name, _ in series}:
            assert sum(found == name for found, _ in series) <= most[name]
        library.present = False
        series = look(poll)
        assert (value(series, "up"), reason(series, "gpu")) == (1, "failed")
        assert total(series, "model_process_gpu_memory_bytes") is None
    series = look(poll)
    assert (value(series, "up"), reason(series, "gpu")) == (0, "not_found")


def test_without_the_extra_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything else is there."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with serving("computing-server"):
        poll = COLLECTOR.open(configured(tmp_path, {"command": "computing-server", "gpu": True}))["m"]
        series = look(poll)
        look(poll)
    assert (value(series, "up"), reason(series, "gpu")) == (1, "unsupported")
    told = [record.getMessage() for record in caplog.records if "nvidia" in record.getMessage()]
    assert told == ["model m: nvidia-ml-py is not installed: pip install 'prediction-exporter[nvidia]'"]


def test_a_real_card() -> None:
    """Asked for nobody's processes: it answers, without an error."""
    real: ModuleType = pynvml
    try:
        real.nvmlInit()
    except pynvml.NVMLError as error:
        pytest.skip(f"this machine has no card: {error}")
    real.nvmlShutdown()
    gpus = Gpus()
    assert gpus.look([]) == []
    gpus.close()


def test_it_is_not_asked_unless_it_is_said(tmp_path: Path, driver: Callable[..., Library]) -> None:
    """No status, no series, no driver."""
    library = driver(Card("GPU-a"))
    with serving("plain-server"):
        series = look(COLLECTOR.open(configured(tmp_path, {"command": "plain-server"}))["m"])
    assert "gpu" not in json.dumps([dict(of) for _, of in series])
    assert library.opened == 0
