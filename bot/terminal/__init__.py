"""The way of an answer to a terminal: options, reading, printing, pictures in files."""
