"""`/compare`: one prompt continued greedily, by sampling, and by beam search, side by side."""

import random

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import PRIVATE_OPTION, answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.errors import OptionOutOfRange
from bot.features.comparison.embed import comparison_answer
from bot.features.comparison.picture import beam_tree_picture
from bot.questions.comparison import DEFAULT_PENALTY, MAX_COMPARED_TOKENS, ComparisonQuestion
from bot.questions.generation import DEFAULT_NEW_TOKENS, DEFAULT_NUM_BEAMS, MAX_SEED


class Compare(commands.Cog):
    """Sets the ways to continue a text side by side."""

    def __init__(self, max_new_tokens_limit: int) -> None:
        self._most_tokens = min(MAX_COMPARED_TOKENS, max_new_tokens_limit)

    @app_commands.command(name="compare", extras={"example": "/compare prompt:The old man looked at the sea and"})
    @app_commands.describe(
        prompt="The text to continue in several ways",
        max_new_tokens=f"How many tokens each writes at most, 1 to {MAX_COMPARED_TOKENS} (20 unless given)",
        num_beams=f"beam: how many sentences are kept in the race ({DEFAULT_NUM_BEAMS} unless given)",
        repetition_penalty=f"Of a second beam search; 1 leaves it out ({DEFAULT_PENALTY} unless given)",
        seed="sample: the same seed gives the same text (drawn and shown unless given)",
        private=PRIVATE_OPTION,
    )
    @reply_on_error
    async def compare(
        self,
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 6000],
        max_new_tokens: app_commands.Range[int, 1, MAX_COMPARED_TOKENS] | None = None,
        num_beams: app_commands.Range[int, 2, 10] = DEFAULT_NUM_BEAMS,
        repetition_penalty: app_commands.Range[float, 0.5, 5.0] = DEFAULT_PENALTY,
        seed: app_commands.Range[int, 0, MAX_SEED] | None = None,
        private: bool = False,
    ) -> None:
        """Continue a text greedily, by sampling and by beam search, and see which is likelier."""
        length = min(DEFAULT_NEW_TOKENS, self._most_tokens) if max_new_tokens is None else max_new_tokens
        if length > self._most_tokens:
            raise OptionOutOfRange("max_new_tokens", length, f"from 1 to {self._most_tokens}")
        drawn = random.randint(0, MAX_SEED) if seed is None else seed

        question = ComparisonQuestion(prompt, length, drawn, num_beams, repetition_penalty)
        render = with_receipt_below(question, comparison_answer)
        await answer(interaction, question, render, private=private, draw=beam_tree_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Compare(bot.settings.max_new_tokens))
