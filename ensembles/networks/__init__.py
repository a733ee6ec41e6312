"""Ensembles as networks: exported as one, trained as one, as the teacher of one."""
