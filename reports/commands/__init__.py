"""The subcommands of `python -m reports`."""
