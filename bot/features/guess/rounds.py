"""A round below `/guess`: its buttons and its form, and each step from the message's own file."""

import asyncio
import re
import secrets
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import discord

from bot.answers.answer import Answer, Computed
from bot.answers.answering import answer, defer
from bot.answers.delivery import acknowledge, tell
from bot.answers.details import with_receipt
from bot.answers.error_reply import Form, answers_errors
from bot.answers.message_state import check_model, message_now, read_attached
from bot.answers.receipt import RECEIPT, read_receipt_of
from bot.engine.executor import ModelExecutor
from bot.errors import ModelLoading, NotYours, ReceiptUnusable, UsageError
from bot.features.guess.embed import MOST_GUESSERS, open_answer, reveal_picture, revealed_answer, taken_embed
from bot.features.guess.record import GUESS, GuessRound, Reveal, SealedGuess, read_round, reveal_state
from bot.features.guess.sealing import seal_key, sealed, unsealed
from bot.questions.asked import AskedTopK
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel, ShouldStop
from bot.questions.tokens import Token
from bot.questions.topk import Walk
from bot.rendering.pictures.picture import Picture

Interaction = discord.Interaction[Any]

MODELS_GUESSES = 5
OVER = "This round is over: its guesses have been revealed. Open another with /guess."
FULL = f"{MOST_GUESSERS} people have guessed, the most in one round. Wait for the reveal, or open another with /guess."
_LABELS = {"guess": "Guess", "reveal": "Reveal", "next": "Next round"}
_ONE_TOKEN = GenerationParameters.from_options(max_new_tokens=1)

# By a message's id, while somebody changes it: one change after another, so that no guess is lost.
_turns: "WeakValueDictionary[int, asyncio.Lock]" = WeakValueDictionary()


async def open_round(interaction: Interaction, executor: ModelExecutor, prompt: str, *, private: bool) -> None:
    """Answer with a round that begins after `prompt`."""

    def operation(model: LanguageModel, _: object) -> GuessRound:
        return _begun(model, prompt, interaction.user.id)

    await answer(interaction, executor, operation, _playable, private=private)


class RoundButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"guess:(?P<action>guess|reveal|next):(?P<opener>\d+)"
):
    """*Guess*, which is for everyone, and *Reveal* and *Next round*, for who opened the round and for moderators."""

    def __init__(self, action: str, opener: int) -> None:
        style = discord.ButtonStyle.primary if action == "guess" else discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=_LABELS[action], custom_id=f"guess:{action}:{opener}", style=style))
        self._action, self._opener = action, opener

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> "RoundButton":
        """Return the button that was pressed."""
        return cls(match["action"], int(match["opener"]))

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Open the form, reveal the guesses, or go on in a new message."""
        if self._action == "guess":
            await acknowledge(interaction, interaction.response.send_modal(GuessForm()))
            return
        if interaction.user.id != self._opener and not interaction.permissions.manage_messages:
            raise NotYours(f"“{_LABELS[self._action]}” is for who opened this round, and for moderators.")
        if self._action == "reveal":
            await _reveal(interaction)
        else:
            await _go_on(interaction)


class GuessForm(Form, title="What comes next?"):
    """Takes a guess."""

    guess: discord.ui.TextInput["GuessForm"] = discord.ui.TextInput(
        custom_id="guess",
        label="Your guess",
        placeholder="A word, or what else you expect next",
        max_length=100,
    )

    @answers_errors
    async def on_submit(self, interaction: Interaction, /) -> None:
        """Take the guess and show that there is one."""
        if await acknowledge(interaction, interaction.response.defer()):
            await _take(interaction, self.guess.value)


async def _take(interaction: Interaction, guess: str) -> None:
    executor, user = _executor(interaction), interaction.user
    token: Token | None = None
    async with _turn_of(interaction):
        asked = await _round_now(interaction)
        earlier = asked.guess_of(user.id)
        if earlier is None and len(asked.guesses) >= MOST_GUESSERS:
            raise UsageError(FULL)
        key = seal_key(interaction.client.settings)

        def operation(model: LanguageModel, _: object) -> tuple[GuessRound, Token]:
            found = model.guessed(asked.prompt, guess.strip()).token
            seal = sealed(key, asked.nonce, user.id, found.id)
            return asked.with_guess(SealedGuess(user.id, user.display_name, seal)), found

        def render(result: tuple[GuessRound, Token], computed: Computed) -> Answer:
            nonlocal token
            changed, token = result
            return _playable(changed, computed)

        # Private, so that a guess that comes too late for Discord is not posted as a message of its own.
        is_shown = await answer(interaction, executor, operation, render, private=True)
    if not is_shown or token is None:
        raise UsageError("Discord did not take your guess. Guess again.")
    await tell(interaction, taken_embed(token, replaced=earlier is not None))


async def _reveal(interaction: Interaction) -> None:
    if not await acknowledge(interaction, interaction.response.defer()):
        return
    executor = _executor(interaction)
    async with _turn_of(interaction):
        asked = await _round_now(interaction)
        info = executor.status.model
        if info is None:
            raise ModelLoading(executor.status.name)
        key = seal_key(interaction.client.settings)
        ids = await asyncio.to_thread(unsealed, key, asked, info.vocab_size)

        question = AskedTopK(asked.prompt, MODELS_GUESSES)

        def operation(model: LanguageModel, should_stop: ShouldStop) -> tuple[Reveal, Walk]:
            walk = question.ask(model, should_stop)
            return Reveal.of(asked, model.scored(asked.prompt, ids), walk.next_tokens), walk

        def render(result: tuple[Reveal, Walk], computed: Computed) -> Answer:
            view = discord.ui.View(timeout=None).add_item(RoundButton("next", asked.opener))
            shown = replace(revealed_answer(asked, result[0], computed), view=view)
            return with_receipt(shown, question, result[1], computed, reveal_state(result[0]))

        if not await answer(interaction, executor, operation, render, private=True, draw=_drawn_reveal):
            raise UsageError("Discord did not take the reveal. Press again.")


async def _go_on(interaction: Interaction) -> None:
    """Open a round after the prompt and the model's favourite, in a new message."""
    message, executor = interaction.message, _executor(interaction)
    assert message is not None  # noqa: S101  # a button is below one
    private = message.flags.ephemeral
    if not await defer(interaction, private=private):
        return
    asked, receipt = await read_attached(message, RECEIPT, partial(read_receipt_of, AskedTopK))
    check_model(receipt.model, executor.status.model)

    def operation(model: LanguageModel, should_stop: ShouldStop) -> GuessRound:
        favourite = model.generate(asked.prompt, _ONE_TOKEN, should_stop)
        if favourite.finish_reason == "stop":
            raise UsageError("The model ends this text here: nothing comes next. Open another round with /guess.")
        if not favourite.text or favourite.text.endswith("\ufffd"):
            raise UsageError("The favourite is a part of a character, which no text can end in. Open another /guess.")
        return _begun(model, asked.prompt + favourite.text, interaction.user.id)

    await answer(interaction, executor, operation, _playable, private=private)


def _drawn_reveal(result: tuple[Reveal, Walk]) -> Picture:
    return reveal_picture(result[0])


def _begun(model: LanguageModel, prompt: str, opener: int) -> GuessRound:
    (favourite,) = model.next_tokens(prompt, 1).candidates
    return GuessRound(prompt, opener, secrets.token_hex(8), favourite.probability)


def _playable(asked: GuessRound, computed: Computed) -> Answer:
    view = discord.ui.View(timeout=None)
    for action in ("guess", "reveal"):
        view.add_item(RoundButton(action, asked.opener))
    return replace(open_answer(asked, computed), view=view)


async def _round_now(interaction: Interaction) -> GuessRound:
    """Return the round as its message holds it now. Raises ReceiptUnusable, also where it is over."""
    message = await message_now(interaction)
    if any(file.filename == RECEIPT for file in message.attachments):  # which comes with the reveal
        raise ReceiptUnusable(OVER)
    asked, written_by = await read_attached(message, GUESS, read_round)
    check_model(written_by, _executor(interaction).status.model)
    return asked


def _turn_of(interaction: Interaction) -> asyncio.Lock:
    message = interaction.message
    assert message is not None  # noqa: S101  # a button is below one, and a form below the button
    return _turns.setdefault(message.id, asyncio.Lock())


def _executor(interaction: Interaction) -> ModelExecutor:
    executor: ModelExecutor = interaction.client.executor
    return executor
