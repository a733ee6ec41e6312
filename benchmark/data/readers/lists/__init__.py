"""Pictures and their classes from a list beside them: which files are lists, what they say, where the pictures are."""
