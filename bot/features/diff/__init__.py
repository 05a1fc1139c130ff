"""`nightword diff`: one text under two models, revisions or dtypes."""
