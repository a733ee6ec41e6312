"""Stored models in other formats, and what they predict for a user's own pictures."""
