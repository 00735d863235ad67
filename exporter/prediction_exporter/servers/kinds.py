"""The model servers whose names are known, each read in the source of its own project."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.servers.base import PYTHON_CLIENT, SERVER_ERROR, Counted, Histogram, Server, Source
from prediction_exporter.servers.web import FASTAPI, FLASK, STARLETTE

#: The buckets of Seldon Core and Knative: the same numbers, written by themselves.
_GO_SERVICES = PYTHON_CLIENT

#: The buckets of Ray Serve, in milliseconds.
_RAY_SERVE = (1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10000, 60000, 120000, 300000, 600000)

#: What MLServer's REST interface is asked for predictions by, without health checks and the list of its models.
_MLSERVER_PATHS = 'path=~"/v2/models/.*/(infer|infer_stream|generate|generate_stream)"'

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
        "A request that cannot be parsed, or has another shape, reaches no model and is in neither count, and an error that a "
        "Python model returns without raising it is answered 500 and counted as a success (server issues 7713 and 8521, seen)."
    ),
    sources=(
        Source(repository="triton-inference-server/core", path="src/metrics.cc"),
        Source(repository="triton-inference-server/core", path="src/metric_model_reporter.cc"),
        Source(repository="triton-inference-server/server", path="docs/user_guide/metrics.md"),
    ),
    seen="Triton 2.51.0 of nvidia-pytriton 0.7.0",
)

KSERVE = Server(
    kind="kserve",
    title="KServe's Python model server, 0.10 and later",
    model_labels=("model_name",),
    example=(("namespace", "models"), ("model_name", "fraud")),
    requests=Counted(names=("request_predict_seconds_count",)),
    failed=None,
    duration=Histogram(name="request_predict_seconds", unit=1.0, buckets=PYTHON_CLIENT),
    outcome=(),
    absent=(
        "Failures are not told: use `knative` where the queue-proxy is scraped. The duration is that of `predict` alone, "
        "without what comes before and after it."
    ),
    sources=(
        Source(repository="kserve/kserve", path="python/kserve/kserve/metrics.py"),
        Source(repository="kserve/kserve", path="python/kserve/kserve/model.py"),
    ),
    seen="KServe 0.21.0",
)

KNATIVE = Server(
    kind="knative",
    title="Knative Serving's queue-proxy, 1.19 and later, as in front of KServe's serverless services",
    model_labels=(),
    example=(("namespace", "models"), ("service", "fraud-predictor-00001-private")),
    requests=Counted(names=("kn_serving_invocation_duration_seconds_count",)),
    failed=Counted(
        names=("kn_serving_invocation_duration_seconds_count",),
        matchers=(f'http_response_status_code=~"{SERVER_ERROR}"',),
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
        "`model_infer_request_duration` is a summary without quantiles: a count and a sum. Its failures are all requests "
        "whose inference raised: those too that its caller is answered 400 for, and those that name no model that is there. "
        "`mlserver_rest` tells them apart, and has a histogram. What cannot be parsed is in neither count. Its `version` is "
        "the one that the request names: `None` where it names none."
    ),
    sources=(Source(repository="SeldonIO/MLServer", path="mlserver/handlers/dataplane.py"),),
    seen="MLServer 1.7.1",
)

MLSERVER_REST = Server(
    kind="mlserver_rest",
    title="MLServer with one model, by its REST interface",
    model_labels=(),
    example=(("job", "mlserver"),),
    requests=Counted(names=("rest_server_requests_total",), matchers=(_MLSERVER_PATHS,)),
    failed=Counted(
        names=("rest_server_requests_total",),
        matchers=(_MLSERVER_PATHS, f'status_code=~"{SERVER_ERROR}"'),
        none_is_zero=True,
    ),
    duration=Histogram(
        name="rest_server_request_duration_seconds", unit=1.0, buckets=PYTHON_CLIENT, matchers=(_MLSERVER_PATHS,)
    ),
    outcome=("status_code",),
    absent=(
        "No label tells the model: match the target of a server that has one model alone. Requests over gRPC are not in it. "
        "Another `metrics_rest_server_prefix` is not mapped."
    ),
    sources=(
        Source(repository="SeldonIO/MLServer", path="mlserver/rest/app.py"),
        Source(repository="SeldonIO/MLServer", path="mlserver/settings.py"),
    ),
    seen="MLServer 1.7.1",
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
        matchers=('endpoint!~"/(|healthz|livez|readyz|docs.json|schema.json)"', f'http_response_code=~"{SERVER_ERROR}"'),
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
    seen="BentoML 1.4.40",
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
    seen="TorchServe 0.12.0",
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
    title="Ray Serve by deployment, where its counters end in `_total`",
    model_labels=("deployment",),
    example=(("application", "fraud"), ("deployment", "Model")),
    requests=Counted(names=("ray_serve_deployment_request_counter_total", "ray_serve_deployment_error_counter_total")),
    failed=Counted(names=("ray_serve_deployment_error_counter_total",), none_is_zero=True),
    duration=Histogram(name="ray_serve_deployment_processing_latency_ms", unit=1e-3, buckets=_RAY_SERVE),
    outcome=("exception_type",),
    absent=(
        "The counter of requests leaves out those that raised, so that both are added up. A response with a status of 5xx "
        "that the code returns itself is no failure here, and one that raises an error of the caller's is: "
        "`ray_serve_http` counts by status. Time in a queue is not in the duration, and the sum of durations is made of the "
        "middles of buckets. Other `RAY_SERVE_REQUEST_LATENCY_BUCKETS_MS` are to be written to `buckets`, in seconds."
    ),
    sources=(
        Source(repository="ray-project/ray", path="python/ray/serve/_private/replica.py"),
        Source(repository="ray-project/ray", path="python/ray/serve/_private/constants.py"),
        Source(repository="ray-project/ray", path="python/ray/serve/tests/test_metrics.py"),
    ),
    seen="Ray 2.60.0",
)

RAY_SERVE_HTTP = Server(
    kind="ray_serve_http",
    title="Ray Serve by application, at its HTTP proxies",
    model_labels=("application",),
    example=(("application", "fraud"),),
    requests=Counted(names=("ray_serve_num_http_requests_total",)),
    failed=Counted(
        names=("ray_serve_num_http_requests_total",), matchers=(f'status_code=~"{SERVER_ERROR}"',), none_is_zero=True
    ),
    duration=Histogram(name="ray_serve_http_request_latency_ms", unit=1e-3, buckets=_RAY_SERVE),
    outcome=("status_code",),
    absent=(
        "What deployments ask of each other, and gRPC, are not in it; time in a queue is. The sum of durations is made of the "
        "middles of buckets. Other `RAY_SERVE_REQUEST_LATENCY_BUCKETS_MS` are to be written to `buckets`, in seconds."
    ),
    sources=(
        Source(repository="ray-project/ray", path="python/ray/serve/_private/request_ingress_metrics.py"),
        Source(repository="ray-project/ray", path="python/ray/serve/_private/constants.py"),
    ),
    seen="Ray 2.60.0",
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
        MLSERVER_REST,
        BENTOML,
        VLLM,
        TORCHSERVE,
        TF_SERVING,
        RAY_SERVE,
        RAY_SERVE_HTTP,
        FASTAPI,
        FLASK,
        STARLETTE,
    )
}
