"""Reading messages: as they come, after downtime, and in backfills."""
