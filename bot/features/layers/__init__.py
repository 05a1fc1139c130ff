"""`/layers`: what the model would say after each of its layers."""
