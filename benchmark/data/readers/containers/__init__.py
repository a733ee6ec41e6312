"""Readers of files that hold other files: archives, and tables of pictures."""
