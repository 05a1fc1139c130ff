"""`/continue`: what the model writes after a prompt."""
