"""`/xray`: the surprisal of each token of a text."""
