"""The data of review channels: ids, salted hashes, scores and times, never a text."""
