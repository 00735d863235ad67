"""The table source: predictions in a database or a warehouse, as rows or as counts."""
