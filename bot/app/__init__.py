"""The bot's life on Discord, from its token to its end."""
