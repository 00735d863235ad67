"""What instruments web frameworks for Python, by which models are served: each read in the source of its own project."""

from __future__ import annotations

from prediction_exporter.servers.base import PYTHON_CLIENT, SERVER_ERROR, Counted, Histogram, Server, Source

FASTAPI = Server(
    kind="fastapi",
    title="prometheus-fastapi-instrumentator, 5.0 and later, as instrumented by default",
    model_labels=("handler",),
    example=(("job", "fraud"), ("handler", "/predict")),
    requests=Counted(names=("http_requests_total",)),
    failed=Counted(names=("http_requests_total",), matchers=(f'status=~"{SERVER_ERROR}"',), none_is_zero=True),
    duration=Histogram(name="http_request_duration_seconds", unit=1.0, buckets=(0.1, 0.5, 1.0)),
    outcome=("status",),
    absent=(
        "By handler the histogram has the bounds 0.1, 0.5 and 1 s alone; write those of `latency_lowr_buckets` to "
        "`buckets`. `http_request_duration_highr_seconds` has more and no handler. A prefix that the instrumentation was "
        "given is not mapped."
    ),
    sources=(
        Source(
            repository="trallnag/prometheus-fastapi-instrumentator", path="src/prometheus_fastapi_instrumentator/metrics.py"
        ),
    ),
    seen="prometheus-fastapi-instrumentator 8.1.0 with FastAPI 0.165.0",
)

FLASK = Server(
    kind="flask",
    title="prometheus_flask_exporter, as instrumented by default",
    model_labels=(),
    example=(("job", "fraud"), ("path", "/predict")),
    requests=Counted(names=("flask_http_request_duration_seconds_count",)),
    failed=Counted(
        names=("flask_http_request_duration_seconds_count",), matchers=(f'status=~"{SERVER_ERROR}"',), none_is_zero=True
    ),
    duration=Histogram(name="flask_http_request_duration_seconds", unit=1.0, buckets=PYTHON_CLIENT),
    outcome=("status",),
    absent=(
        "`flask_http_request_total` has no path, so that the histogram's count is taken. Match `path`, or the label of "
        "your `group_by`: without it, health checks are counted too."
    ),
    sources=(Source(repository="rycus86/prometheus_flask_exporter", path="prometheus_flask_exporter/__init__.py"),),
    seen="prometheus_flask_exporter 0.23.2 with Flask 3.1.3",
)

STARLETTE = Server(
    kind="starlette",
    title="starlette_exporter, also in FastAPI, with its usual prefix",
    model_labels=("path",),
    example=(("job", "fraud"), ("path", "/predict")),
    requests=Counted(names=("starlette_requests_total",)),
    failed=Counted(names=("starlette_requests_total",), matchers=(f'status_code=~"{SERVER_ERROR}"',), none_is_zero=True),
    duration=Histogram(name="starlette_request_duration_seconds", unit=1.0, buckets=PYTHON_CLIENT),
    outcome=("status_code",),
    absent="Another `prefix` is not mapped; other `buckets` are to be written to `buckets`.",
    sources=(Source(repository="stephenhillier/starlette_exporter", path="starlette_exporter/middleware.py"),),
    seen="starlette_exporter 0.24.0 with Starlette 1.10.0",
)
