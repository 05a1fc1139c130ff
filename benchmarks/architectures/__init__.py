"""Whether the engine's numbers equal plain transformers' for every causal model class that transformers has."""
