"""A round of guesses as an embed: open, with the names, and revealed, with the scoreboard."""

from collections.abc import Sequence

import discord

from bot.answers.answer import BLURPLE, GREEN, Answer, State, footer
from bot.features.guess.record import GUESS, GuessRound, Reveal, ScoredGuess, write_round
from bot.questions.language_model import RunInfo
from bot.questions.tokens import Token
from bot.rendering.escaping import code_block, escape_prose
from bot.rendering.pictures.candidates import candidates_picture
from bot.rendering.pictures.picture import Picture
from bot.rendering.prose import bold_excerpt, prompt_excerpt, token_in_prose
from bot.rendering.tables import PHONE_WIDTH, cut, next_tokens_table, percentage

MOST_GUESSERS = 20  # an embed has room for a scoreboard of 20 lines
NAMES_LIMIT = 1000  # characters, escaped
SCOREBOARD_LIMIT = 2800  # as above
NAME_COLUMNS = 20
_MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}


def open_answer(guess_round: GuessRound, run: RunInfo) -> Answer:
    """Show the prompt, the rules, and the names of the people who have guessed, but not their guesses."""
    embed = discord.Embed(title="What comes next?", description=f"{_prompt(guess_round)} **▁**", colour=BLURPLE)
    embed.add_field(
        name="How to play",
        value=(
            "Press *Guess* and write what you think comes next. Only the first token counts. The model's favourite "
            f"has a probability of **{percentage(guess_round.favourite_probability)}** and is worth **100 points**. "
            "Any other token is worth 100 × its probability ÷ the favourite's."
        ),
        inline=False,
    )
    names = _join_within([_name(guess.name) for guess in guess_round.guesses], ", ", NAMES_LIMIT)
    count = f": {len(guess_round.guesses)} of {MOST_GUESSERS}" if guess_round.guesses else ""
    embed.add_field(name=f"Players{count}", value=names or "*No guesses yet.*", inline=False)
    embed.set_footer(text=footer(run))
    state = State(write_round(guess_round, run.model), GUESS, "The round with sealed guesses, used by the buttons")
    return Answer(embed, state=state)


def saved_embed(token: Token, *, is_replacement: bool) -> discord.Embed:
    """Return the private confirmation of a guess, with the token that counts."""
    replacement = "This replaces your earlier guess." if is_replacement else "Guess again to replace it."
    return discord.Embed(
        title="Guess saved",
        description=(
            f"Your guess begins with the token {token_in_prose(token.text)} (· is a space). Only this token counts.\n"
            f"{replacement} It stays hidden until the reveal."
        ),
        colour=GREEN,
    )


def revealed_answer(guess_round: GuessRound, reveal: Reveal, run: RunInfo) -> Answer:
    """Show the scoreboard and the model's own candidates."""
    favourite = bold_excerpt(reveal.top.candidates[0].token.text, 100).text
    lines = [_line(reveal, guess) for guess in reveal.guesses]
    scoreboard = _join_within(lines, "\n", SCOREBOARD_LIMIT) or "*No guesses.*"
    embed = discord.Embed(
        title="The guesses are revealed", description=f"{_prompt(guess_round)}{favourite}\n\n{scoreboard}", colour=GREEN
    )
    table = code_block(next_tokens_table(reveal.top, PHONE_WIDTH))
    embed.add_field(name="The model's own guesses", value=table, inline=False)
    embed.add_field(name="Points", value="100 × the token's probability ÷ the favourite's", inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def reveal_picture(reveal: Reveal) -> Picture:
    """Draw the model's own candidates."""
    return candidates_picture(reveal.top)


def _prompt(guess_round: GuessRound) -> str:
    return prompt_excerpt(guess_round.prompt).text


def _name(name: str) -> str:
    shown = name if len(name) <= NAME_COLUMNS else f"{name[: NAME_COLUMNS - 1]}…"
    return escape_prose(cut(shown, NAME_COLUMNS))


def _line(reveal: Reveal, guess: ScoredGuess) -> str:
    place, points, token = reveal.place(guess), reveal.points(guess), guess.token
    medal = _MEDALS.get(place, rf"{place}\.")  # the dot alone would begin a list
    worth = "1 point" if points == 1 else f"{points} points"
    return (
        f"{medal} {_name(guess.name)}: {token_in_prose(token.token.text, 20)}, {worth} "
        f"({percentage(token.probability)}, rank {token.rank:,})"
    )


def _join_within(parts: Sequence[str], separator: str, limit: int) -> str:
    """Return as many of `parts` as fit into `limit`, and the number of the others."""
    for count in range(len(parts), 0, -1):
        rest = len(parts) - count
        text = separator.join((*parts[:count], *([f"and {rest} more"] if rest else [])))
        if len(text) <= limit:
            return text
    return ""
