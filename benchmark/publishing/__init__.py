"""Stored runs copied into a store that is small enough to be committed."""
