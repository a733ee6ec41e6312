"""Runs made by the workers of a Dask cluster."""
