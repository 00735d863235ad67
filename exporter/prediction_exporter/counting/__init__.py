"""What was counted: from events to profiles, windows and counters, and the file that keeps them."""
