"""A search for better hyperparameters: trial after trial, the winner as a run."""
