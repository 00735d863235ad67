"""What a shell knows of the command line: completion and the man page, from the parser."""
