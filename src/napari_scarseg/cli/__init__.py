"""The command line: one file per command group, and what they share."""
