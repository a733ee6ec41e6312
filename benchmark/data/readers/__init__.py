"""Readers of the layouts that images come in, and what they have in common."""
