"""`/contrast`: what the model says next after two prompts, side by side."""
