"""What review channels say, as embeds and pictures."""
