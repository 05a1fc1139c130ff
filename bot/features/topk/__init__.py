"""`/topk`: the most probable next tokens, and a walk along them."""
