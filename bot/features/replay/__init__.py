"""`nightword replay`: computes the answer of a receipt again."""
