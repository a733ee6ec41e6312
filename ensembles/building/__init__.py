"""An ensemble built from stored predictions, stored as a run, and how it does."""
