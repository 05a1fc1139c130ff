"""The engine over a transformers model in this process: the only importer of torch."""
