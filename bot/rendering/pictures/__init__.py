"""Results as pictures, drawn by matplotlib, which nothing else in the bot imports, and only once something is drawn."""
