"""The engine over a vLLM server on this or another machine. This process then needs no torch.

Reading order:

1. `engine`: the primitives of `bot.engine.primitives`, each as requests to the server. Start here.
2. `answers`: the server's JSON, as scores.
3. `connection`: sends requests for the model's thread, and watches whether the server can be used.
4. `inspection`: what must hold before the server's numbers are shown: its version, model, options and weights.
5. `weights`: recorded numbers of a model, to recognise its weights on a server.
6. `server`: HTTP: one request, its retries and its errors.
7. `loading`: builds the engine from the model's files, without its weights.
"""
