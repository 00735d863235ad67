"""Layouts: where known servers, platforms and loggers have what in their records; a module each."""
