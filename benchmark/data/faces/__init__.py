"""The built-in faces: measured, drawn from a seed, labelled."""
