"""``python -m prediction_exporter``."""

import sys

from prediction_exporter.cli import main

sys.exit(main())
