"""`/decide`: a question with labels about a text, and on what evidence the model answers it."""
