"""Results as embeds, tables and files. Discord's limits and all escaping live here."""
