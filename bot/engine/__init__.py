"""Answers to questions, computed by a model, and the executor that runs them. Nothing here imports Discord."""
