"""The engine over a model in this process. Only this package imports torch.

Reading order:

1. `engine`: the primitives of `bot.engine.primitives` for one model. Start here.
2. `sequences`: `Decoding`, a text being computed, and `ForwardRequest`, the forward pass that it waits for.
3. `forward_passes`: the logits that operations ask for. `kept_texts` keeps computed texts for others that begin alike.
4. `batches`: what decides which requests share a pass. `llama` is our own forward pass for the Llama family;
   `padded_batches`, with `kv_cache`, uses transformers' model for all others.
5. `decoding`: greedy decoding and sampling, one token at a time. `beams`: the texts of a beam search.
6. `generate`: transformers' own generation, for beam search with its models, and the record of its candidates.
7. `self_test`: at loading, checks that this engine's numbers equal plain transformers'.
8. `context_length`: how many tokens the model can read.
9. `loading`: finds and loads a model, and chooses the fastest way to compute it that passes the self-test.
10. `observing` reports passes for metrics; `memory` gives memory back while a model is loaded.
11. `kernels`: matrix products in other memory layouts and precisions, and the choice between them.

`bot.engine.scheduler` runs several requests on one thread, and suspends each where it needs a forward pass.
"""
