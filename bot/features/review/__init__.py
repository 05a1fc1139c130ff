"""Review channels: what is read there, and how it comes to a score."""
