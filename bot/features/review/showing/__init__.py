"""Showing scores: labels, thresholds, notices and weekly digests."""
