"""How the demo model was made: corpus, review grammar, tokenizer, training and figures."""
