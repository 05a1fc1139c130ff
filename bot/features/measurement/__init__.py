"""`nightword measure`: how good a decision is, measured on labelled texts."""
