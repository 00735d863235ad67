"""Files that are kept for a model: how much they take, and when one of them tells that it was trained anew."""
