"""`/xray`: how much each token of a text surprised the model."""
