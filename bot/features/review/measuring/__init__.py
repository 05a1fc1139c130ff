"""Audits and measurements of places' questions."""
