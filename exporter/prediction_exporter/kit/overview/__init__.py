"""The rows of the dashboard "Model overview"."""
