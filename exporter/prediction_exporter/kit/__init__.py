"""The kit: rules, their tests, routes, dashboards and runbooks, rendered from declarations and the configuration.

Everything here is a pure function to text; :mod:`prediction_exporter.kit.render` puts the texts together.
"""
