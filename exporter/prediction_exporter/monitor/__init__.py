"""What runs: a thread for each model from its source to its report, and the publisher of all."""
