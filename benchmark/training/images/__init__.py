"""Which images a model learns from, in which order, and how they are changed before it sees them."""
