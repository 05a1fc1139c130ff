"""Receipts: what an answer was computed from, so that it can be computed again. No Discord."""
