"""Showing the score of a message in its channel."""
