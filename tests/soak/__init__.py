"""`make soak MINUTES=60`: the trials of other tests go on with new seeds for as long as asked; see `soak.__main__`."""
