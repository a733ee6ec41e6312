"""The subcommands of `python -m benchmark`."""
