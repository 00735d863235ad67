"""The processes of a model server: found, read from ``/proc`` and cgroups, and added up."""
