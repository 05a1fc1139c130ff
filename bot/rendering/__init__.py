"""Results as tables, JSON objects and pictures, and all escaping of text."""
