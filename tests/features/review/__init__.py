"""Review channels, through a moderator's commands and members' messages."""
