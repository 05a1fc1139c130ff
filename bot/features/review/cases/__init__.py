"""Cases and their cards in the log channel."""
