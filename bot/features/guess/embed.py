"""A round of guesses as an embed: open, with who has guessed, and revealed, with the scoreboard."""

from collections.abc import Sequence

import discord

from bot.answers.answer import BLURPLE, GREEN, Answer, Attachment, footer
from bot.features.guess.record import GUESS, GuessRound, Reveal, ScoredGuess, write_round
from bot.questions.language_model import RunInfo
from bot.questions.tokens import Token
from bot.rendering.escaping import code_block, escape_prose
from bot.rendering.pictures.candidates import candidates_picture
from bot.rendering.pictures.picture import Picture
from bot.rendering.prose import bold_excerpt, prompt_excerpt, token_in_prose
from bot.rendering.tables import PHONE_WIDTH, cut, next_tokens_table, percentage

MOST_GUESSERS = 20  # so many lines of a scoreboard have room in an embed
NAMES_LIMIT = 1000  # characters, escaped
SCOREBOARD_LIMIT = 2800  # as above
NAME_COLUMNS = 20
_MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}


def open_answer(asked: GuessRound, run: RunInfo) -> Answer:
    """Show what is to be continued, how it is scored, and who has guessed, but not what."""
    embed = discord.Embed(title="What comes next?", description=f"{_prompt(asked)} **▁**", colour=BLURPLE)
    embed.add_field(
        name="How to play",
        value=(
            "Press *Guess* and write what comes next; its first token counts. The model's favourite is worth "
            "**100 points**, any other token 100 × its probability ÷ the favourite's, which is "
            f"**{percentage(asked.favourite_probability)}**."
        ),
        inline=False,
    )
    names = _joined([_name(guess.name) for guess in asked.guesses], ", ", NAMES_LIMIT)
    count = f": {len(asked.guesses)} of at most {MOST_GUESSERS}" if asked.guesses else ""
    embed.add_field(name=f"Have guessed{count}", value=names or "*Nobody yet.*", inline=False)
    embed.set_footer(text=footer(run))
    file = Attachment(GUESS, write_round(asked, run.model), "The round for the buttons, its guesses sealed")
    return Answer(embed, (file,))


def taken_embed(token: Token, *, replaced: bool) -> discord.Embed:
    """Tell a guesser, and nobody else, which token was taken."""
    again = "It replaces your earlier guess" if replaced else "Another guess would replace it"
    return discord.Embed(
        title="Guess taken",
        description=(
            f"Your guess begins with the token {token_in_prose(token.text)} (· is a space), and that is what counts.\n"
            f"{again}; nobody sees it before the reveal."
        ),
        colour=GREEN,
    )


def revealed_answer(asked: GuessRound, reveal: Reveal, run: RunInfo) -> Answer:
    """Show the scoreboard, and what the model itself would have said."""
    favourite = bold_excerpt(reveal.top.candidates[0].token.text, 100).text
    lines = [_line(reveal, guess) for guess in reveal.guesses]
    scoreboard = _joined(lines, "\n", SCOREBOARD_LIMIT) or "*Nobody guessed.*"
    embed = discord.Embed(
        title="The guesses are revealed", description=f"{_prompt(asked)}{favourite}\n\n{scoreboard}", colour=GREEN
    )
    table = code_block(next_tokens_table(reveal.top, PHONE_WIDTH))
    embed.add_field(name="The model's own guesses", value=table, inline=False)
    embed.add_field(name="Points", value="100 × the token's probability ÷ the favourite's", inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def reveal_picture(reveal: Reveal) -> Picture:
    """Draw the model's own guesses."""
    top = reveal.top
    tokens = [one.token for one in top.candidates]
    return candidates_picture(top.prompt, tokens, [one.probability for one in top.candidates], top.remainder)


def _prompt(asked: GuessRound) -> str:
    return prompt_excerpt(asked.prompt).text


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


def _joined(parts: Sequence[str], separator: str, limit: int) -> str:
    """Return as many of `parts` as have room, and how many there are besides."""
    for shown in range(len(parts), 0, -1):
        rest = len(parts) - shown
        text = separator.join((*parts[:shown], *([f"and {rest} more"] if rest else [])))
        if len(text) <= limit:
            return text
    return ""
