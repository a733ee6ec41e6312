"""Transfer learning: stored features of a frozen backbone, heads trained on them, fine-tuning of its top blocks."""
