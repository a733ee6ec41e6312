"""Labels attached later, submission files written, read back and scored."""
