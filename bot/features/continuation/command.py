"""`/continue`: what the model writes after a prompt, which a form takes where it has several lines."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answering import PRIVATE_OPTION
from bot.answers.client import BotClient, Interaction
from bot.answers.components import Form
from bot.answers.delivery import acknowledge
from bot.answers.error_reply import reply_on_error
from bot.features.continuation.writing import AgainButton, StopButton, write
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import (
    DEFAULT_NEW_TOKENS,
    DEFAULT_NUM_BEAMS,
    DEFAULT_TEMPERATURE,
    DEFAULT_TOP_K,
    DEFAULT_TOP_P,
    MAX_NEW_TOKENS,
    MAX_SEED,
    GenerationParameters,
    Strategy,
)


class Continue(commands.Cog):
    """Lets the model write on."""

    def __init__(self, max_new_tokens_limit: int) -> None:
        self._max_new_tokens_limit = max_new_tokens_limit

    @app_commands.command(
        name="continue", extras={"example": "/continue prompt:Once upon a time strategy:sample temperature:0.9"}
    )
    @app_commands.describe(
        prompt="The text to continue; without it a form for several lines opens",
        strategy="greedy takes the likeliest token each time, sample draws, beam searches whole sentences",
        max_new_tokens=f"How many tokens to write at most, 1 to {MAX_NEW_TOKENS} ({DEFAULT_NEW_TOKENS} unless given)",
        temperature=f"sample: below 1 safer, above 1 wilder ({DEFAULT_TEMPERATURE} unless given)",
        top_k=f"sample: draw from the k likeliest tokens only, 0 for all ({DEFAULT_TOP_K} unless given)",
        top_p=f"sample: draw from the likeliest tokens that make up this probability ({DEFAULT_TOP_P} unless given)",
        num_beams=f"beam: how many sentences are kept in the race ({DEFAULT_NUM_BEAMS} unless given)",
        repetition_penalty="Above 1, tokens that were there before become less likely (1 unless given: off)",
        seed="sample: the same seed gives the same text (drawn and shown unless given)",
        private=PRIVATE_OPTION,
    )
    @reply_on_error
    async def continue_(
        self,
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 6000] | None = None,
        strategy: Strategy = "greedy",
        max_new_tokens: app_commands.Range[int, 1, MAX_NEW_TOKENS] | None = None,
        temperature: app_commands.Range[float, 0.05, 5.0] | None = None,
        top_k: app_commands.Range[int, 0, 1000] | None = None,
        top_p: app_commands.Range[float, 0.01, 1.0] | None = None,
        num_beams: app_commands.Range[int, 2, 10] | None = None,
        repetition_penalty: app_commands.Range[float, 0.5, 5.0] | None = None,
        seed: app_commands.Range[int, 0, MAX_SEED] | None = None,
        private: bool = False,
    ) -> None:
        """Let the model continue a text: greedy, sampled or by beam search."""
        parameters = GenerationParameters.from_options(
            strategy=strategy,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            num_beams=num_beams,
            repetition_penalty=repetition_penalty,
            seed=seed,
            max_new_tokens_limit=self._max_new_tokens_limit,
        )

        if prompt is None:
            form = PromptForm(parameters, private=private)
            await acknowledge(interaction, interaction.response.send_modal(form))
        else:
            await write(interaction, ContinuationQuestion(prompt, parameters), private=private)


class PromptForm(Form, title="Text to continue"):
    """Takes a prompt of several lines."""

    prompt: discord.ui.TextInput["PromptForm"] = discord.ui.TextInput(
        custom_id="prompt",
        label="Text",
        style=discord.TextStyle.paragraph,
        max_length=4000,
        placeholder="It was a dark and stormy",
    )

    def __init__(self, parameters: GenerationParameters, *, private: bool) -> None:
        super().__init__()
        self._parameters = parameters
        self._private = private

    async def submit(self, interaction: Interaction) -> None:
        """Continue what was written."""
        question = ContinuationQuestion(self.prompt.value, self._parameters)
        await write(interaction, question, private=self._private)


async def setup(bot: BotClient) -> None:
    """Add the command and its buttons, also those below messages of an earlier run."""
    await bot.add_cog(Continue(bot.settings.max_new_tokens))
    bot.add_dynamic_items(StopButton, AgainButton)
