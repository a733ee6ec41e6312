"""The subcommands of `python -m ensembles`."""
