"""The questions that a language model answers, and its results: frozen data."""
