"""The embeds and pictures of review channels."""
