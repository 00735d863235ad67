"""The model servers whose names are known, each read in the source of its own project."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.servers.base import Counted, Histogram, Server, Source

#: The default buckets of Prometheus' client for Python, in seconds.
_PYTHON_CLIENT = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

#: Those of Seldon Core and Knative: the same numbers, written by themselves.
_GO_SERVICES = _PYTHON_CLIENT

#: HTTP's codes that are the server's fault, also where they are grouped as ``5xx``.
_SERVER_ERROR = "5.."

#: What is no fault of the server in the codes of gRPC: OK, and what the caller did, as HTTP's 4xx.
_GRPC_FINE = (
    "OK",
    "Canceled",
    "InvalidArgument",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "FailedPrecondition",
    "OutOfRange",
    "Unauthenticated",
)
_GRPC_FINE_UPPER = (
    "OK",
    "CANCELLED",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "UNAUTHENTICATED",
)
#: A code of HTTP below 500, or one of gRPC that is no fault of the server.
_EITHER_FINE = f"[1-4]..|{'|'.join(_GRPC_FINE)}"

TRITON = Server(
    kind="triton",
    title="NVIDIA Triton Inference Server, whether or not its failures have a `reason`",
    model_labels=("model",),
    example=(("job", "triton"), ("model", "fraud")),
    requests=Counted(names=("nv_inference_request_success", "nv_inference_request_failure")),
    failed=Counted(names=("nv_inference_request_failure",)),
    duration=None,
    outcome=("reason",),
    absent=(
        "Durations are a sum, `nv_inference_request_duration_us`, and summaries where they are switched on: neither can "
        "be compared with an objective over replicas. `nv_inference_first_response_histogram_ms` is of decoupled models "
        "alone, and of the first response. Cancelled requests are among the failures, and an ensemble counts those of its "
        "parts too. "
        "A request that cannot be parsed reaches no model and is in neither count, and an error that a Python model "
        "returns without raising it was counted as a success in 24.08 (server issue 7713)."
    ),
    sources=(
        Source(repository="triton-inference-server/core", path="src/metrics.cc"),
        Source(repository="triton-inference-server/core", path="src/metric_model_reporter.cc"),
        Source(repository="triton-inference-server/server", path="docs/user_guide/metrics.md"),
    ),
)

KSERVE = Server(
    kind="kserve",
    title="KServe's Python model server, 0.10 and later",
    model_labels=("model_name",),
    example=(("namespace", "models"), ("model_name", "fraud")),
    requests=Counted(names=("request_predict_seconds_count",)),
    failed=None,
    duration=Histogram(name="request_predict_seconds", unit=1.0, buckets=_PYTHON_CLIENT),
    outcome=(),
    absent=(
        "Failures are not told: use `knative` where the queue-proxy is scraped. The duration is that of `predict` alone, "
        "without what comes before and after it."
    ),
    sources=(
        Source(repository="kserve/kserve", path="python/kserve/kserve/metrics.py"),
        Source(repository="kserve/kserve", path="python/kserve/kserve/model.py"),
    ),
)

KNATIVE = Server(
    kind="knative",
    title="Knative Serving's queue-proxy, 1.19 and later, as in front of KServe's serverless services",
    model_labels=(),
    example=(("namespace", "models"), ("service", "fraud-predictor-00001-private")),
    requests=Counted(names=("kn_serving_invocation_duration_seconds_count",)),
    failed=Counted(
        names=("kn_serving_invocation_duration_seconds_count",),
        matchers=(f'http_response_status_code=~"{_SERVER_ERROR}"',),
        none_is_zero=True,
    ),
    duration=Histogram(name="kn_serving_invocation_duration_seconds", unit=1.0, buckets=_GO_SERVICES),
    outcome=("http_response_status_code",),
    absent=(
        "No label of its own tells the model: match labels of the target. Metrics are sent over OTLP unless "
        "`request-metrics-protocol: prometheus` is set in `config-observability`. Before 1.19 the names were "
        "`revision_*`, which are not mapped."
    ),
    sources=(Source(repository="knative/serving", path="pkg/queue/request_metric.go"),),
)

SELDON = Server(
    kind="seldon",
    title="Seldon Core 1, its executor",
    model_labels=("deployment_name",),
    example=(("namespace", "models"), ("deployment_name", "fraud")),
    requests=Counted(
        names=("seldon_api_executor_server_requests_seconds_count",),
        matchers=('service=~"predictions|.*/(Predict|ModelInfer)"',),
    ),
    failed=Counted(
        names=("seldon_api_executor_server_requests_seconds_count",),
        matchers=('service=~"predictions|.*/(Predict|ModelInfer)"', f'code!~"{_EITHER_FINE}"'),
        none_is_zero=True,
    ),
    duration=Histogram(
        name="seldon_api_executor_server_requests_seconds",
        unit=1.0,
        buckets=_GO_SERVICES,
        matchers=('service=~"predictions|.*/(Predict|ModelInfer)"',),
    ),
    outcome=("code",),
    absent="Predictors of one deployment are added up; match `predictor_name` too for one of them.",
    sources=(
        Source(repository="SeldonIO/seldon-core", path="executor/api/metric/constants.go (tag v1.18.0)"),
        Source(repository="SeldonIO/seldon-core", path="executor/api/metric/server.go (tag v1.18.0)"),
        Source(repository="SeldonIO/seldon-core", path="executor/api/rest/server.go (tag v1.18.0)"),
    ),
)

SELDON_V2 = Server(
    kind="seldon_v2",
    title="Seldon Core 2, its agent",
    model_labels=("model",),
    example=(("namespace", "models"), ("model", "fraud")),
    requests=Counted(names=("seldon_model_infer_total",)),
    failed=Counted(names=("seldon_model_infer_total",), matchers=(f'code!~"{_EITHER_FINE}"',), none_is_zero=True),
    duration=None,
    outcome=("code",),
    absent="`seldon_model_infer_api_seconds`, the histogram, has no label of the model; the durations of models are a sum.",
    sources=(
        Source(repository="SeldonIO/seldon-core", path="scheduler/pkg/metrics/agent.go"),
        Source(repository="SeldonIO/seldon-core", path="docs-gb/operational-monitoring/local-metrics-test.md"),
    ),
)

MLSERVER = Server(
    kind="mlserver",
    title="MLServer, 1.1 and later",
    model_labels=("model",),
    example=(("job", "mlserver"), ("model", "fraud")),
    requests=Counted(names=("model_infer_request_success_total", "model_infer_request_failure_total")),
    failed=Counted(names=("model_infer_request_failure_total",)),
    duration=None,
    outcome=(),
    absent=(
        "`model_infer_request_duration` is a summary without quantiles: a count and a sum. "
        "`rest_server_request_duration_seconds` is a histogram, whose label `path` has no model. A request that names no "
        "model that is there is among the failures."
    ),
    sources=(Source(repository="SeldonIO/MLServer", path="mlserver/handlers/dataplane.py"),),
)

BENTOML = Server(
    kind="bentoml",
    title="BentoML, 1.2 and later",
    model_labels=("runner_name",),
    example=(("job", "bento"), ("runner_name", "Fraud")),
    requests=Counted(
        names=("bentoml_service_request_total",), matchers=('endpoint!~"/(|healthz|livez|readyz|docs.json|schema.json)"',)
    ),
    failed=Counted(
        names=("bentoml_service_request_total",),
        matchers=('endpoint!~"/(|healthz|livez|readyz|docs.json|schema.json)"', f'http_response_code=~"{_SERVER_ERROR}"'),
        none_is_zero=True,
    ),
    duration=Histogram(
        name="bentoml_service_request_duration_seconds",
        unit=1.0,
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0),
        matchers=('endpoint!~"/(|healthz|livez|readyz|docs.json|schema.json)"',),
    ),
    outcome=("http_response_code",),
    absent=(
        "`runner_name` is the class of the service; match `endpoint` too for one of its methods. Another "
        "`api_server.metrics.namespace` changes the names, which are not mapped then; other `metrics.duration` buckets "
        "are to be written to `buckets`."
    ),
    sources=(
        Source(repository="bentoml/BentoML", path="src/bentoml/_internal/server/http/instruments.py"),
        Source(repository="bentoml/BentoML", path="src/bentoml/_internal/utils/metrics.py"),
        Source(repository="bentoml/BentoML", path="src/bentoml/_internal/configuration/v2/default_configuration.yaml"),
    ),
)

VLLM = Server(
    kind="vllm",
    title="vLLM, its V1 engine",
    model_labels=("model_name",),
    example=(("job", "vllm"), ("model_name", "meta-llama/Llama-3.1-8B-Instruct")),
    requests=Counted(names=("vllm:request_success_total",)),
    failed=Counted(names=("vllm:request_success_total",), matchers=('finished_reason="error"',)),
    duration=Histogram(
        name="vllm:e2e_request_latency_seconds",
        unit=1.0,
        buckets=(0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680),
    ),
    outcome=("finished_reason",),
    absent=(
        "What is called success counts every request that the engine ended, by its reason. Failures are those of the "
        'engine, in releases that know `finished_reason="error"`; in older ones they are not told, and '
        "`ModelServerUnseen` says so. A request that is refused before it reaches the engine is in `http_requests_total` "
        "alone: see `fastapi`. "
        "Requests that their callers gave up may be in none of the counts (issue 31503). Another prefix, as "
        "`kserve_vllm:`, is not mapped."
    ),
    sources=(
        Source(repository="vllm-project/vllm", path="vllm/v1/metrics/loggers.py"),
        Source(repository="vllm-project/vllm", path="vllm/v1/engine/__init__.py"),
    ),
)

TORCHSERVE = Server(
    kind="torchserve",
    title="TorchServe, with `metrics_mode=prometheus` since 0.8",
    model_labels=("model_name",),
    example=(("job", "torchserve"), ("model_name", "fraud")),
    requests=Counted(names=("ts_inference_requests_total",)),
    failed=None,
    duration=None,
    outcome=(),
    absent=(
        "`Requests5XX` has no label of the model. Durations are a sum, `ts_inference_latency_microseconds`. So only "
        "requests are watched."
    ),
    sources=(
        Source(repository="pytorch/serve", path="ts/configs/metrics.yaml"),
        Source(repository="pytorch/serve", path="docs/metrics.md"),
    ),
)

TF_SERVING = Server(
    kind="tf_serving",
    title="TensorFlow Serving, 2.5 and later, with `monitoring_config`",
    model_labels=("model_name",),
    example=(("job", "tf-serving"), ("model_name", "fraud")),
    requests=Counted(names=(":tensorflow:serving:request_count",)),
    failed=Counted(
        names=(":tensorflow:serving:request_count",),
        matchers=(f'status!~"{"|".join(_GRPC_FINE_UPPER)}"',),
        none_is_zero=True,
    ),
    duration=Histogram(
        name=":tensorflow:serving:request_latency",
        unit=1e-6,
        # Buckets::Exponential(10, 1.8, 33) and one without an end; written with six digits.
        buckets=tuple(float(f"{10 * 1.8**step:.6g}") for step in range(33)),
    ),
    outcome=("status",),
    absent="Durations are those of requests that succeeded, in microseconds.",
    sources=(
        Source(repository="tensorflow/serving", path="tensorflow_serving/servables/tensorflow/util.cc"),
        Source(repository="tensorflow/serving", path="tensorflow_serving/util/prometheus_exporter.cc"),
        Source(repository="tensorflow/serving", path="tensorflow_serving/model_servers/prediction_service_impl.cc"),
    ),
)

RAY_SERVE = Server(
    kind="ray_serve",
    title="Ray Serve, where its counters end in `_total`",
    model_labels=("deployment",),
    example=(("application", "fraud"), ("deployment", "Model")),
    requests=Counted(names=("ray_serve_deployment_request_counter_total", "ray_serve_deployment_error_counter_total")),
    failed=Counted(names=("ray_serve_deployment_error_counter_total",), none_is_zero=True),
    duration=Histogram(
        name="ray_serve_deployment_processing_latency_ms",
        unit=1e-3,
        buckets=(1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10000, 60000, 120000, 300000, 600000),
    ),
    outcome=(),
    absent=(
        "The counter of requests leaves out those that raised, so that both are added up. Time in a queue is not in the "
        "duration. Other `RAY_SERVE_REQUEST_LATENCY_BUCKETS_MS` are to be written to `buckets`, in seconds."
    ),
    sources=(
        Source(repository="ray-project/ray", path="python/ray/serve/_private/replica.py"),
        Source(repository="ray-project/ray", path="python/ray/serve/_private/constants.py"),
        Source(repository="ray-project/ray", path="python/ray/serve/tests/test_metrics.py"),
    ),
)

FASTAPI = Server(
    kind="fastapi",
    title="prometheus-fastapi-instrumentator, 5.0 and later, as instrumented by default",
    model_labels=("handler",),
    example=(("job", "fraud"), ("handler", "/predict")),
    requests=Counted(names=("http_requests_total",)),
    failed=Counted(names=("http_requests_total",), matchers=(f'status=~"{_SERVER_ERROR}"',), none_is_zero=True),
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
)

FLASK = Server(
    kind="flask",
    title="prometheus_flask_exporter, as instrumented by default",
    model_labels=(),
    example=(("job", "fraud"), ("path", "/predict")),
    requests=Counted(names=("flask_http_request_duration_seconds_count",)),
    failed=Counted(
        names=("flask_http_request_duration_seconds_count",), matchers=(f'status=~"{_SERVER_ERROR}"',), none_is_zero=True
    ),
    duration=Histogram(name="flask_http_request_duration_seconds", unit=1.0, buckets=_PYTHON_CLIENT),
    outcome=("status",),
    absent=(
        "`flask_http_request_total` has no path, so that the histogram's count is taken. Match `path`, or the label of "
        "your `group_by`: without it, health checks are counted too."
    ),
    sources=(Source(repository="rycus86/prometheus_flask_exporter", path="prometheus_flask_exporter/__init__.py"),),
)

#: Every kind by its key, in the order of documentation.
SERVERS: Mapping[str, Server] = {
    server.kind: server
    for server in (
        TRITON,
        KSERVE,
        KNATIVE,
        SELDON,
        SELDON_V2,
        MLSERVER,
        BENTOML,
        VLLM,
        TORCHSERVE,
        TF_SERVING,
        RAY_SERVE,
        FASTAPI,
        FLASK,
    )
}
