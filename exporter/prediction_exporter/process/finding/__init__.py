"""Ways to find the processes of a model server, one module each."""
