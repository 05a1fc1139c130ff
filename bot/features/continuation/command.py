"""`/continue`: what the model writes after a prompt. Without a prompt, a form opens for longer text."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.client import BotClient, Interaction
from bot.answers.components import Form
from bot.answers.delivery import acknowledge
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import (
    MinP,
    NewTokens,
    NumBeams,
    RepetitionPenalty,
    Seed,
    Temperature,
    Text,
    TopH,
    TopK,
    TopP,
    describe_options,
)
from bot.features.continuation.writing import AgainButton, StopButton, TokenMenu, write
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.options import Strategy


class Continue(commands.Cog):
    """The command `/continue`."""

    def __init__(self, max_new_tokens_limit: int) -> None:
        self._max_new_tokens_limit = max_new_tokens_limit

    @app_commands.command(
        name="continue", extras={"example": "/continue prompt:Once upon a time strategy:sample temperature:0.9"}
    )
    @describe_options("continue")
    @reply_on_error
    async def continue_(
        self,
        interaction: Interaction,
        prompt: Text | None = None,
        strategy: Strategy = "greedy",
        max_new_tokens: NewTokens | None = None,
        temperature: Temperature | None = None,
        top_k: TopK | None = None,
        top_p: TopP | None = None,
        min_p: MinP | None = None,
        top_h: TopH | None = None,
        num_beams: NumBeams | None = None,
        repetition_penalty: RepetitionPenalty | None = None,
        seed: Seed | None = None,
        private: bool = False,
    ) -> None:
        """Let the model continue a text, with greedy decoding, sampling or beam search."""
        parameters = GenerationParameters.from_options(
            strategy=strategy,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            top_h=top_h,
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
    """The form for a prompt of several lines."""

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
        """Continue the submitted text."""
        question = ContinuationQuestion(self.prompt.value, self._parameters)
        await write(interaction, question, private=self._private)


async def setup(bot: BotClient) -> None:
    """Add the command and its buttons, including those from before a restart."""
    await bot.add_cog(Continue(bot.settings.max_new_tokens))
    bot.add_dynamic_items(StopButton, AgainButton, TokenMenu)
