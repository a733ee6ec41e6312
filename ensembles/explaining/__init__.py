"""What there is to find out about a stored ensemble: gains, diversity, cost, the smallest that will do."""
