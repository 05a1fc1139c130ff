"""Compare the engine's numbers with plain transformers' for every causal model class of transformers."""
