"""The bot's process on Discord: login, command registration, heartbeat and shutdown."""
