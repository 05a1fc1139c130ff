"""The engine over a transformers model in this process. Only this package imports torch.

Reading order:

1. `engine`: the primitives of `bot.engine.primitives` for one model. Start here.
2. `sequences`: `Decoding`, a text being computed, and `ForwardRequest`, the forward pass that it waits for.
3. `forward_passes`: which waiting requests share a pass, and how it is computed: prompts in pieces, running texts in
   one batch.
4. `kv_cache`: keys and values of running texts in preallocated memory, and merging them into a batch.
5. `decoding`: greedy decoding and sampling, one token at a time.
6. `beam_search`: beam search by transformers' `generate`, and the record of its candidates.
7. `self_test`: at loading, checks that this engine's numbers equal plain transformers'.
8. `context_length`: how many tokens the model can read.
9. `loading`: finds, loads and checks a model, and builds the engine.
10. `layers`: linear layers with other memory layouts and precisions: `packed`, `half` (float16 weights) and `int8`.

`bot.engine.scheduler` runs several requests on one thread, and suspends each where it needs a forward pass.
"""
