"""What the bot keeps of review channels: ids, salted hashes, scores and times, and never a text."""
