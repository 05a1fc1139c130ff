"""The way of an answer to Discord, whatever was asked."""
