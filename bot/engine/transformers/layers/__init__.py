"""Linear layers in other layouts and precisions, each proved against the original."""
