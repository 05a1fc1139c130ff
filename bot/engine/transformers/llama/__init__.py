"""A forward pass of our own for models of the Llama family. It computes what transformers' does, with fewer steps.

1. `weights`: which models it can compute, and their weights as matrix products. Start here.
2. `network`: the forward pass. It computes the tokens of several texts in one sequence, without padding between them.
3. `attention`: attention to several sets of keys and values, such as a beginning that several texts share.
4. `cache`: the keys and values of texts: one text's alone, and those of texts that are written together.
5. `batches`: which tokens of which texts are computed in a pass.
"""
