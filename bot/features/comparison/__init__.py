"""`/compare`: greedy, sampling and beam search side by side."""
