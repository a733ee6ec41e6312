"""One file a family; each lists its models in `MODELS`."""
