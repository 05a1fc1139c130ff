"""A round in which people guess the next token: its openings, its sealed guesses, its buttons."""
