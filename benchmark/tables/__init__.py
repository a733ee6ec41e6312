"""One reader of the labels and the tables of predictions that a user hands over, in every format."""
