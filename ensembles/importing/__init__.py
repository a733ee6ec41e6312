"""Predictions of other programs, stored as runs."""
