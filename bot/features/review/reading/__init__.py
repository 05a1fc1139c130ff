"""Which messages are read, and when."""
