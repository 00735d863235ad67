"""Joined: pairs of predictions and labels, counted by minute of the prediction, on disk, and the windows that they make."""
