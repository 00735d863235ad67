"""Places that predictions are read from: a module or a folder each, and the list of them in ``registry``."""
