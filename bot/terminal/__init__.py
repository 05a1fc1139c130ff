"""What all commands in the terminal share: options, reading, printing, picture files."""
