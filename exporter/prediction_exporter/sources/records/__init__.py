"""Records: from what is logged to flat events, one for each prediction."""
