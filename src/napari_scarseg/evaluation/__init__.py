"""Engines over a data set: rows per slice and stack, and summaries with their intervals."""
