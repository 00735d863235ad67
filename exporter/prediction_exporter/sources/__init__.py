"""Places that predictions are read from, one file per kind of source."""
