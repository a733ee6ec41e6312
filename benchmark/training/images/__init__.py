"""The training images: which are used, in which order, and how they are augmented and mixed."""
