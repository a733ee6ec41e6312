"""Frozen backbones: their features, kept; heads trained on them; top blocks fine-tuned."""
