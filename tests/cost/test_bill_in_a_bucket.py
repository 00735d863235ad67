"""A billing export in a bucket, as clouds write it: read once, and again where an object has another content."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
import requests
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from prediction_exporter import config
from prediction_exporter.collectors.bill import COLLECTOR
from prediction_exporter.errors import SourceError
from watched import config_text, model_text

BILLS = Path(__file__).parents[1] / "bills"
MAY = 1_777_939_200.0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """An S3 server's address, with keys for it in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


def test_a_bill_in_a_bucket(server: str, tmp_path: Path) -> None:
    """By hand: 10.10 + 0.005 - 2.345 - 0.75 dollars are the model's; the bill that takes its place has 5 of them more."""
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, Signature=x"}
    requests.put(f"{server}/billing", headers=signed, timeout=10).raise_for_status()
    store = S3Store("billing", endpoint=server, region="us-east-1", client_options={"allow_http": True})
    bill = (BILLS / "focus-1.3.csv").read_bytes()
    obstore.put(store, "focus/BILLING_PERIOD=2026-05/part-0.csv", bill)
    obstore.put(store, "focus/manifest.json", b"{}")
    focus = f"{{path: 's3://billing/focus/', s3: {{endpoint: '{server}'}}, tags: {{model: credit-risk}}}}"
    (tmp_path / "exporter.yml").write_text(config_text(model_text(more=f"maturity: 0\ncost: {{focus: {focus}}}")))
    (poll,) = COLLECTOR.open(config.load(tmp_path / "exporter.yml")).values()
    poll._clock = lambda: MAY  # type: ignore[attr-defined]  # a bill is always read at some time

    def dollars() -> list[str]:
        return [line for line in poll.poll().lines["model_cost_billed_month_to_date"] if 'currency="USD"' in line]

    assert dollars() == ['model_cost_billed_month_to_date{model="m",currency="USD"} 7.01']
    obstore.put(store, "focus/BILLING_PERIOD=2026-05/part-0.csv", bill.replace(b",10.10,", b",15.10,"))
    assert dollars() == ['model_cost_billed_month_to_date{model="m",currency="USD"} 12.01']
    obstore.delete(store, "focus/BILLING_PERIOD=2026-05/part-0.csv")
    with pytest.raises(SourceError, match="there is no billing export"):
        poll.poll()
