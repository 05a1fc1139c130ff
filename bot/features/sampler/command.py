"""`/sampler`: the next token's distribution on its way through the sampler, stage by stage."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import PRIVATE_OPTION, answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.features.sampler.embed import sampler_answer
from bot.features.sampler.picture import stages_picture
from bot.questions.generation import DEFAULT_TEMPERATURE, DEFAULT_TOP_K, DEFAULT_TOP_P
from bot.questions.sampler import SamplerQuestion


class Sampler(commands.Cog):
    """Shows what temperature, top_k, top_p and the repetition penalty do to what comes next."""

    @app_commands.command(
        name="sampler", extras={"example": "/sampler prompt:The old man looked at the temperature:1.5 top_k:20"}
    )
    @app_commands.describe(
        prompt="The text whose next token would be drawn",
        temperature=f"Below 1 safer, above 1 wilder, 1 changes nothing ({DEFAULT_TEMPERATURE} unless given)",
        top_k=f"Draw from the k likeliest tokens only, 0 for all ({DEFAULT_TOP_K} unless given)",
        top_p=f"Draw from the likeliest tokens that make up this probability ({DEFAULT_TOP_P} unless given)",
        repetition_penalty="Above 1, tokens that were there before become less likely (1 unless given: off)",
        private=PRIVATE_OPTION,
    )
    @reply_on_error
    async def sampler(
        self,
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 6000],
        temperature: app_commands.Range[float, 0.05, 5.0] = DEFAULT_TEMPERATURE,
        top_k: app_commands.Range[int, 0, 1000] = DEFAULT_TOP_K,
        top_p: app_commands.Range[float, 0.01, 1.0] = DEFAULT_TOP_P,
        repetition_penalty: app_commands.Range[float, 0.5, 5.0] = 1.0,
        private: bool = False,
    ) -> None:
        """Show what each stage of the sampler does to the next token's distribution."""
        question = SamplerQuestion(prompt, temperature, top_k, top_p, repetition_penalty)
        render = with_receipt_below(question, sampler_answer)
        await answer(interaction, question, render, private=private, draw=stages_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Sampler())
