"""Training: the trainer protocol, the epoch loop, and the meaning of the training settings."""
