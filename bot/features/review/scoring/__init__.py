"""Scoring what was read, and trying again what failed."""
