"""Alarms: how many are false, and how late the true ones are, on traffic as it comes."""
