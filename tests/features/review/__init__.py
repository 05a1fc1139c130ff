"""Tests of review channels through moderators' commands and members' messages."""
