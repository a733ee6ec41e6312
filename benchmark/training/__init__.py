"""How a model learns: the trainer protocol, the epoch loop, and what the training settings mean."""
