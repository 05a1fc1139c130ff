"""The parts of the work that only the comparison with other systems has."""

PEOPLE = (1, 8, 16, 32)
LONG_PROMPT_WORDS = 500
LONG_PROMPT_PEOPLE = (1, 8)
GROWTH_WORDS = (30, 100, 250, 500)
GROWTH_PEOPLE = (1, 2, 4, 8, 16, 32)
REVIEWS = 32  # at once, where a system takes several
REVIEWS_ALONE = 8  # one after another
