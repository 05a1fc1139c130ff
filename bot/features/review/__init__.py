"""Review channels: places whose messages are scored for moderators."""
