"""The model, what can be asked of it, and the executor that asks. Nothing here knows Discord."""
