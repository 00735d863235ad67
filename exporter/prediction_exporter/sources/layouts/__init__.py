"""Layouts: where known servers, platforms and loggers have what in their records; a module each, named as the layout.

What several of them share:

- ``captured``: bodies of requests and responses as platforms record them, whose values are told by their names.
- ``protocols``: the same of inference protocols (V1, V2, TensorFlow's, Seldon's), and around them ``pairs`` (both bodies in one
  record), ``v2``, ``cloudevents`` (an event each), ``tensors`` and ``prediction_log``. What both share is in ``bodies``.
- ``access_log``: lines of requests. ``application_log``: lines of an application's own log.
- ``texts``: tells bodies of models that write text, of which either of these reads nothing.
- ``generation``: what is told of a generation of a language model. ``telemetry``: the forms of records of OpenTelemetry.
- ``values``: the first value that is there, and the time between two.
"""
