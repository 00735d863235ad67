"""Prometheus exporter for machine-learning models in production."""

import os

__version__ = "0.1.0"

# A sidecar takes its CPU from the model that it watches: one thread unless the operator says otherwise. These libraries read
# their limits once, when they are imported, so this must stand before any module that imports them.
for _variable in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
