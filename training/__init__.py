"""The code that made the demo model: corpus, review grammar, tokenizer, training and evaluation."""
