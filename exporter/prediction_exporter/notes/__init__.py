"""What people say of alarms: a note with a verdict, the file that it is appended to, and what was counted of that."""
