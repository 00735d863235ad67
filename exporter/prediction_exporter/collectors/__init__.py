"""Groups of series, one file each."""
