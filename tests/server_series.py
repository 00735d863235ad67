"""What model servers show, as they show it: a minute of a model's requests by kind, from the sources that docs/servers.md names.

In capitals stands what differs: MODEL, and how many requests there were, OK, FAILED, ALL, FAST (and slower than half a second,
or than the next bucket below that).
"""

# ruff: noqa: E501 - a line is one series, as the server shows it

from __future__ import annotations

#: By kind: the labels that a match must name, and the series. Bounds stand as the server's own client writes them.
SHOWN: dict[str, tuple[dict[str, str], str]] = {
    "triton": (
        {"job": "JOB", "model": "MODEL"},
        """
        nv_inference_request_success{gpu_uuid="GPU-1",model="MODEL",version="3"} OK
        nv_inference_request_failure{gpu_uuid="GPU-1",model="MODEL",version="3",reason="REJECTED"} 0
        nv_inference_request_failure{gpu_uuid="GPU-1",model="MODEL",version="3",reason="CANCELED"} 0
        nv_inference_request_failure{gpu_uuid="GPU-1",model="MODEL",version="3",reason="BACKEND"} FAILED
        nv_inference_request_failure{gpu_uuid="GPU-1",model="MODEL",version="3",reason="OTHER"} 0
        nv_inference_count{gpu_uuid="GPU-1",model="MODEL",version="3"} 8000
        nv_inference_request_duration_us{gpu_uuid="GPU-1",model="MODEL",version="3"} 9000000
        """,
    ),
    "kserve": (
        {"model_name": "MODEL"},
        """
        request_predict_seconds_count{model_name="MODEL"} ALL
        request_predict_seconds_sum{model_name="MODEL"} 9
        request_predict_seconds_bucket{model_name="MODEL",le="0.25"} 0
        request_predict_seconds_bucket{model_name="MODEL",le="0.5"} FAST
        request_predict_seconds_bucket{model_name="MODEL",le="1.0"} ALL
        request_predict_seconds_bucket{model_name="MODEL",le="+Inf"} ALL
        request_preprocess_seconds_count{model_name="MODEL"} 7000
        """,
    ),
    "knative": (
        {"service": "MODEL"},
        """
        kn_serving_invocation_duration_seconds_count{service="MODEL",http_response_status_code="200"} OK
        kn_serving_invocation_duration_seconds_count{service="MODEL",http_response_status_code="503"} FAILED
        kn_serving_invocation_duration_seconds_sum{service="MODEL",http_response_status_code="200"} 9
        kn_serving_invocation_duration_seconds_bucket{service="MODEL",http_response_status_code="200",le="0.25"} 0
        kn_serving_invocation_duration_seconds_bucket{service="MODEL",http_response_status_code="200",le="0.5"} FAST
        kn_serving_invocation_duration_seconds_bucket{service="MODEL",http_response_status_code="200",le="1"} ALL
        kn_serving_invocation_duration_seconds_bucket{service="MODEL",http_response_status_code="200",le="+Inf"} ALL
        """,
    ),
    "seldon": (
        {"deployment_name": "MODEL"},
        """
        seldon_api_executor_server_requests_seconds_count{deployment_name="MODEL",service="predictions",method="post",code="200"} OK
        seldon_api_executor_server_requests_seconds_count{deployment_name="MODEL",service="predictions",method="post",code="500"} FAILED
        seldon_api_executor_server_requests_seconds_count{deployment_name="MODEL",service="feedback",method="post",code="500"} 999
        seldon_api_executor_server_requests_seconds_sum{deployment_name="MODEL",service="predictions",method="post",code="200"} 9
        seldon_api_executor_server_requests_seconds_bucket{deployment_name="MODEL",service="predictions",method="post",code="200",le="0.25"} 0
        seldon_api_executor_server_requests_seconds_bucket{deployment_name="MODEL",service="predictions",method="post",code="200",le="0.5"} FAST
        seldon_api_executor_server_requests_seconds_bucket{deployment_name="MODEL",service="predictions",method="post",code="200",le="1"} ALL
        seldon_api_executor_server_requests_seconds_bucket{deployment_name="MODEL",service="predictions",method="post",code="200",le="+Inf"} ALL
        """,
    ),
    "seldon_v2": (
        {"model": "MODEL"},
        """
        seldon_model_infer_total{code="200",method_type="rest",model="MODEL",model_internal="MODEL_1",server="mlserver",server_replica="0"} 0
        seldon_model_infer_total{code="OK",method_type="grpc",model="MODEL",model_internal="MODEL_1",server="mlserver",server_replica="0"} OK
        seldon_model_infer_total{code="Internal",method_type="grpc",model="MODEL",model_internal="MODEL_1",server="mlserver",server_replica="0"} FAILED
        seldon_model_infer_total{code="404",method_type="rest",model="MODEL",model_internal="MODEL_1",server="mlserver",server_replica="0"} 0
        """,
    ),
    "mlserver": (
        {"job": "JOB", "model": "MODEL"},
        """
        model_infer_request_success_total{model="MODEL",version="v1.0"} OK
        model_infer_request_failure_total{model="MODEL",version="v1.0"} FAILED
        model_infer_request_duration_count{model="MODEL",version="v1.0"} 7000
        model_infer_request_duration_sum{model="MODEL",version="v1.0"} 9
        """,
    ),
    "mlserver_rest": (
        {"job": "JOB", "app_name": "MODEL"},
        """
        rest_server_requests_total{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} OK
        rest_server_requests_total{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="500"} FAILED
        rest_server_requests_total{app_name="MODEL",method="GET",path="/v2/models/{model_name}",status_code="500"} 999
        rest_server_request_duration_seconds_count{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} ALL
        rest_server_request_duration_seconds_sum{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} 9
        rest_server_request_duration_seconds_bucket{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200",le="0.25"} 0
        rest_server_request_duration_seconds_bucket{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200",le="0.5"} FAST
        rest_server_request_duration_seconds_bucket{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200",le="1.0"} ALL
        rest_server_request_duration_seconds_bucket{app_name="MODEL",method="POST",path="/v2/models/{model_name}/infer",status_code="200",le="+Inf"} ALL
        """,
    ),
    "bentoml": (
        {"runner_name": "MODEL"},
        """
        bentoml_service_request_total{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x"} OK
        bentoml_service_request_total{endpoint="/predict",http_response_code="500",runner_name="MODEL",service_name="b",service_version="x"} FAILED
        bentoml_service_request_total{endpoint="/readyz",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x"} 999
        bentoml_service_request_duration_seconds_count{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x"} ALL
        bentoml_service_request_duration_seconds_sum{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x"} 9
        bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x",le="0.25"} 0
        bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x",le="0.5"} FAST
        bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x",le="1.0"} ALL
        bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",runner_name="MODEL",service_name="b",service_version="x",le="+Inf"} ALL
        """,
    ),
    "vllm": (
        {"model_name": "MODEL"},
        """
        vllm:request_success_total{engine="0",finished_reason="stop",model_name="MODEL"} OK
        vllm:request_success_total{engine="0",finished_reason="length",model_name="MODEL"} 0
        vllm:request_success_total{engine="0",finished_reason="error",model_name="MODEL"} FAILED
        vllm:e2e_request_latency_seconds_count{engine="0",model_name="MODEL"} ALL
        vllm:e2e_request_latency_seconds_sum{engine="0",model_name="MODEL"} 9
        vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="MODEL",le="0.3"} 0
        vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="MODEL",le="0.5"} FAST
        vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="MODEL",le="1.0"} ALL
        vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="MODEL",le="+Inf"} ALL
        """,
    ),
    "torchserve": (
        {"job": "JOB", "model_name": "MODEL"},
        """
        ts_inference_requests_total{model_name="MODEL",model_version="default",hostname="h"} ALL
        ts_inference_latency_microseconds{model_name="MODEL",model_version="default",hostname="h"} 9000000
        """,
    ),
    "tf_serving": (
        {"job": "JOB", "model_name": "MODEL"},
        """
        :tensorflow:serving:request_count{model_name="MODEL",status="OK"} OK
        :tensorflow:serving:request_count{model_name="MODEL",status="INTERNAL"} FAILED
        :tensorflow:serving:request_latency_count{model_name="MODEL",API="Predict",entrypoint="GRPC"} ALL
        :tensorflow:serving:request_latency_sum{model_name="MODEL",API="Predict",entrypoint="GRPC"} 9000000
        :tensorflow:serving:request_latency_bucket{model_name="MODEL",API="Predict",entrypoint="GRPC",le="218591"} 0
        :tensorflow:serving:request_latency_bucket{model_name="MODEL",API="Predict",entrypoint="GRPC",le="393464"} FAST
        :tensorflow:serving:request_latency_bucket{model_name="MODEL",API="Predict",entrypoint="GRPC",le="708235"} ALL
        :tensorflow:serving:request_latency_bucket{model_name="MODEL",API="Predict",entrypoint="GRPC",le="+Inf"} ALL
        """,
    ),
    "ray_serve": (
        {"application": "MODEL", "deployment": "Model"},
        """
        ray_serve_deployment_request_counter_total{application="MODEL",deployment="Model",replica="r1",route="/"} OK
        ray_serve_deployment_error_counter_total{application="MODEL",deployment="Model",exception_type="RuntimeError",replica="r1",route="/"} FAILED
        ray_serve_deployment_processing_latency_ms_count{application="MODEL",deployment="Model",replica="r1",route="/"} ALL
        ray_serve_deployment_processing_latency_ms_sum{application="MODEL",deployment="Model",replica="r1",route="/"} 9000
        ray_serve_deployment_processing_latency_ms_bucket{application="MODEL",deployment="Model",replica="r1",route="/",le="400.0"} 0
        ray_serve_deployment_processing_latency_ms_bucket{application="MODEL",deployment="Model",replica="r1",route="/",le="500.0"} FAST
        ray_serve_deployment_processing_latency_ms_bucket{application="MODEL",deployment="Model",replica="r1",route="/",le="1000.0"} ALL
        ray_serve_deployment_processing_latency_ms_bucket{application="MODEL",deployment="Model",replica="r1",route="/",le="+Inf"} ALL
        """,
    ),
    "ray_serve_http": (
        {"application": "MODEL"},
        """
        ray_serve_num_http_requests_total{application="MODEL",method="POST",route="/",status_code="200"} OK
        ray_serve_num_http_requests_total{application="MODEL",method="POST",route="/",status_code="503"} FAILED
        ray_serve_http_request_latency_ms_count{application="MODEL",method="POST",route="/",status_code="200"} ALL
        ray_serve_http_request_latency_ms_sum{application="MODEL",method="POST",route="/",status_code="200"} 9000
        ray_serve_http_request_latency_ms_bucket{application="MODEL",method="POST",route="/",status_code="200",le="400.0"} 0
        ray_serve_http_request_latency_ms_bucket{application="MODEL",method="POST",route="/",status_code="200",le="500.0"} FAST
        ray_serve_http_request_latency_ms_bucket{application="MODEL",method="POST",route="/",status_code="200",le="1000.0"} ALL
        ray_serve_http_request_latency_ms_bucket{application="MODEL",method="POST",route="/",status_code="200",le="+Inf"} ALL
        """,
    ),
    "fastapi": (
        {"job": "JOB", "handler": "/MODEL"},
        """
        http_requests_total{handler="/MODEL",method="POST",status="2xx"} OK
        http_requests_total{handler="/MODEL",method="POST",status="5xx"} FAILED
        http_request_duration_seconds_count{handler="/MODEL",method="POST"} ALL
        http_request_duration_seconds_sum{handler="/MODEL",method="POST"} 9
        http_request_duration_seconds_bucket{handler="/MODEL",method="POST",le="0.1"} 0
        http_request_duration_seconds_bucket{handler="/MODEL",method="POST",le="0.5"} FAST
        http_request_duration_seconds_bucket{handler="/MODEL",method="POST",le="1.0"} ALL
        http_request_duration_seconds_bucket{handler="/MODEL",method="POST",le="+Inf"} ALL
        """,
    ),
    "flask": (
        {"job": "JOB", "path": "/MODEL"},
        """
        flask_http_request_duration_seconds_count{method="POST",path="/MODEL",status="200"} OK
        flask_http_request_duration_seconds_count{method="POST",path="/MODEL",status="500"} FAILED
        flask_http_request_duration_seconds_sum{method="POST",path="/MODEL",status="200"} 9
        flask_http_request_duration_seconds_bucket{method="POST",path="/MODEL",status="200",le="0.25"} 0
        flask_http_request_duration_seconds_bucket{method="POST",path="/MODEL",status="200",le="0.5"} FAST
        flask_http_request_duration_seconds_bucket{method="POST",path="/MODEL",status="200",le="1.0"} ALL
        flask_http_request_duration_seconds_bucket{method="POST",path="/MODEL",status="200",le="+Inf"} ALL
        """,
    ),
    "starlette": (
        {"job": "JOB", "path": "/MODEL"},
        """
        starlette_requests_total{app_name="starlette",method="POST",path="/MODEL",status_code="200"} OK
        starlette_requests_total{app_name="starlette",method="POST",path="/MODEL",status_code="500"} FAILED
        starlette_request_duration_seconds_count{app_name="starlette",method="POST",path="/MODEL",status_code="200"} ALL
        starlette_request_duration_seconds_sum{app_name="starlette",method="POST",path="/MODEL",status_code="200"} 9
        starlette_request_duration_seconds_bucket{app_name="starlette",method="POST",path="/MODEL",status_code="200",le="0.25"} 0
        starlette_request_duration_seconds_bucket{app_name="starlette",method="POST",path="/MODEL",status_code="200",le="0.5"} FAST
        starlette_request_duration_seconds_bucket{app_name="starlette",method="POST",path="/MODEL",status_code="200",le="1.0"} ALL
        starlette_request_duration_seconds_bucket{app_name="starlette",method="POST",path="/MODEL",status_code="200",le="+Inf"} ALL
        """,
    ),
}

#: What real servers were asked for before they were scraped, as the files in ``kit/scraped_servers`` say: the labels that tell
#: the model, its requests, and how many failed and took longer than half a second; None where the server does not tell it.
SCRAPED: dict[str, tuple[dict[str, str], int, int | None, int | None]] = {
    "triton": ({"model": "fraud"}, 46 + 4, 4, None),
    "kserve": ({"model_name": "fraud"}, 46 + 5 + 4 + 3, None, 6),
    "mlserver": ({"model": "fraud"}, 48 + 5 + 4 + 3, 5 + 4 + 3, None),
    "mlserver_rest": ({"job": "servers"}, 48 + 5 + 4 + 3 + 2 + 1, 4 + 3, 6),
    "bentoml": ({"runner_name": "Fraud"}, 46 + 5 + 4 + 3 + 3 + 1 + 1, 4 + 3, 6),
    "torchserve": ({"model_name": "fraud"}, 46 + 4, None, None),
    "ray_serve": ({"application": "fraud", "deployment": "Model"}, 46 + 5 + 4 + 3, 4, 6),
    "ray_serve_http": ({"application": "fraud"}, 46 + 5 + 4 + 3, 4 + 3, 6),
    "fastapi": ({"handler": "/predict"}, 46 + 5 + 4 + 3 + 3 + 1, 4 + 3, 6),
    "flask": ({"path": "/predict"}, 46 + 5 + 4 + 3 + 3 + 1, 4 + 3, 6),
    "starlette": ({"path": "/predict"}, 46 + 5 + 4 + 3, 4 + 3, 6),
}
