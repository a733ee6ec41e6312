"""Many steps, or many batches, as one compiled call of a backend."""
