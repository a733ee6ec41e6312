"""A page on one model, on two compared, or on an ensemble, with its figures."""
