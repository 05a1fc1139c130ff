"""`/sampler`: the next-token distribution after each stage of the sampler."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import MinP, RepetitionPenalty, Temperature, Text, TopH, TopK, TopP, describe_options
from bot.features.sampler.embed import sampler_answer
from bot.features.sampler.picture import stages_picture
from bot.questions.sampler import SamplerQuestion


class Sampler(commands.Cog):
    """The command `/sampler`."""

    @app_commands.command(
        name="sampler", extras={"example": "/sampler prompt:The old man looked at the temperature:1.5 top_k:20"}
    )
    @describe_options("sampler")
    @reply_on_error
    async def sampler(
        self,
        interaction: Interaction,
        prompt: Text,
        temperature: Temperature | None = None,
        top_k: TopK | None = None,
        top_p: TopP | None = None,
        min_p: MinP | None = None,
        top_h: TopH | None = None,
        repetition_penalty: RepetitionPenalty | None = None,
        private: bool = False,
    ) -> None:
        """Show what each stage of the sampler does to the next-token distribution."""
        question = SamplerQuestion.from_options(
            prompt, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, top_h=top_h,
            repetition_penalty=repetition_penalty,
        )  # fmt: skip
        render = with_receipt_below(question, sampler_answer)
        await answer(interaction, question, render, private=private, draw=stages_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Sampler())
