"""Migrations of the tables from each version to the next."""
