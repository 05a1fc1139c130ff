"""`/tokenize`: a text as the model reads it."""
