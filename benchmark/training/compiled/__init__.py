"""Compiled calls of a backend: many training steps, or many batches of predictions, in one call."""
