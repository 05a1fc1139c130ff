"""What can be asked of a language model, and what comes back: frozen data."""
