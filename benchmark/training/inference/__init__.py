"""Predicting with a trained model: test-time augmentation, precision, latency."""
