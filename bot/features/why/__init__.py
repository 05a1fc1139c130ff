"""`/why`: which words of the prompt make one token more probable than another."""
