"""Analysis of a stored ensemble: what members contribute, diversity, cost, smaller ensembles."""
