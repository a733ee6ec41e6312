"""The runs on disk: found, claimed, written whole, checked."""
