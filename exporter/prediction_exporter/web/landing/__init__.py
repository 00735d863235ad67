"""Landing page: what the exporter watches and how it looks, for a person who opens its address in a browser."""

from prediction_exporter.web.landing.page import render_page
from prediction_exporter.web.landing.topics import Topic

__all__ = ["Topic", "render_page"]
