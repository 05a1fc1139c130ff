"""The bot's engine compared with the notebooks' way, in one run on one machine."""
