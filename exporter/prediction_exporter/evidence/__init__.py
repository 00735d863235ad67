"""Evidence: whether a column surely moved, by bets on each new slice of its counts, whose false alarms are bounded."""
