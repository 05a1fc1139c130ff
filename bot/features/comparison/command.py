"""`/compare`: one prompt continued greedily, by sampling, and by beam search, side by side."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import ComparedTokens, NumBeams, RepetitionPenalty, Seed, Text, describe_options
from bot.features.comparison.embed import comparison_answer
from bot.features.comparison.picture import beam_tree_picture
from bot.questions.comparison import ComparisonQuestion


class Compare(commands.Cog):
    """The command `/compare`."""

    def __init__(self, max_new_tokens_limit: int) -> None:
        self._max_new_tokens_limit = max_new_tokens_limit

    @app_commands.command(name="compare", extras={"example": "/compare prompt:The old man looked at the sea and"})
    @describe_options("compare")
    @reply_on_error
    async def compare(
        self,
        interaction: Interaction,
        prompt: Text,
        max_new_tokens: ComparedTokens | None = None,
        num_beams: NumBeams | None = None,
        repetition_penalty: RepetitionPenalty | None = None,
        seed: Seed | None = None,
        private: bool = False,
    ) -> None:
        """Continue a text greedily, by sampling and by beam search, and compare the results."""
        question = ComparisonQuestion.from_options(
            prompt,
            max_new_tokens=max_new_tokens,
            seed=seed,
            num_beams=num_beams,
            repetition_penalty=repetition_penalty,
            max_new_tokens_limit=self._max_new_tokens_limit,
        )
        render = with_receipt_below(question, comparison_answer)
        await answer(interaction, question, render, private=private, draw=beam_tree_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Compare(bot.settings.max_new_tokens))
