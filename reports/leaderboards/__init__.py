"""Stored runs as rows with scores, intervals, tests and ranks, in every format."""
