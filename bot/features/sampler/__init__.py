"""`/sampler`: what each stage of the sampler does to the next token."""
