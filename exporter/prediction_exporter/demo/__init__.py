"""The demo: a model service with traffic and a drift story, and everything that watches it."""
