"""The dashboards, a module each, and what they share."""
