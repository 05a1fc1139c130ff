"""Train the demo model's tokenizer: byte-level BPE with the pre-tokenizer pattern of Qwen2."""

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from training.corpus import END_OF_TEXT, review_text, write_reviews

VOCAB_SIZE = 4096
# The pattern of Qwen2's tokenizer (Qwen/Qwen2-0.5B, tokenizer.json): each digit is one token.
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(novels: list[str], seed: int) -> Tokenizer:
    """Return a tokenizer of VOCAB_SIZE tokens in which each label of the sentiment prompt is one token.

    Raises ValueError if a label is split.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    reviews = [review_text(labelled) for labelled in write_reviews(seed, 30_000)]
    tokenizer.train_from_iterator(
        novels + [review.removesuffix(END_OF_TEXT) for review in reviews],
        trainers.BpeTrainer(
            vocab_size=VOCAB_SIZE,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    for label in (" positive", " negative"):
        pieces = tokenizer.encode(label).tokens
        if len(pieces) != 1:
            raise ValueError(f"{label!r} is not a single token: {pieces}")
    return tokenizer
