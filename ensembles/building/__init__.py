"""Ensembles built from stored predictions and stored as runs, and their scores."""
