"""The bot's engine beside the notebooks' way, in one run on one machine."""
