"""Scoring recorded messages, and retrying those that failed."""
