"""A continuation as an embed: the prompt in plain text, the continuation in bold."""

import discord

from bot.answers.answer import AMBER, BLURPLE, Answer, Attachment, footer
from bot.engine.waiting import Place
from bot.questions.continuation import Continuation
from bot.questions.language_model import RunInfo
from bot.questions.tokens import ScoredToken
from bot.rendering.prose import bold_excerpt, prompt_excerpt
from bot.rendering.tables import OPTION_LIMIT, option_label, whole_percentage

FINISHED = "Continuation"
MOST_OPTIONS = 25  # Discord's limit for a menu
TEXT_LIMIT = 2000  # characters of the continuation, escaped


def continuation_answer(result: Continuation, run: RunInfo) -> Answer:
    """Show the prompt, the continuation, its parameters, the speed, and why generation ended."""
    embed = _embed(FINISHED, result)
    embed.add_field(name="Parameters", value=parameters_text(result), inline=False)
    embed.add_field(name="Stopped", value=stop_reason(result), inline=True)
    if result.fixed:
        embed.add_field(name="Continues from", value=f"token {result.fixed:,}, chosen in the menu", inline=True)
    embed.add_field(name="Speed", value=speed(result, run.seconds), inline=True)
    embed.set_footer(text=footer(run))
    if prompt_excerpt(result.prompt).is_complete and bold_excerpt(result.text, TEXT_LIMIT).is_complete:
        return Answer(embed)
    whole = Attachment("continuation.txt", result.prompt + result.text, "The prompt and the whole continuation")
    return Answer(embed, (whole,))


def token_options(result: Continuation) -> list[discord.SelectOption]:
    """Return a menu option for each token that was near a new one, at most 25: the most probable, in the text's order.

    The value has the position in the output ids and the id.
    """
    pairs = [(index, other) for index in result.doubtful for other in result.tokens[index].near]
    best_first = sorted(pairs, key=lambda pair: -pair[1].log_probability)
    kept = sorted(best_first[:MOST_OPTIONS], key=lambda pair: pair[0])
    return [_token_option(result, index, other) for index, other in kept]


def _token_option(result: Continuation, index: int, other: ScoredToken) -> discord.SelectOption:
    token, position = result.tokens[index], result.written_before + index
    written = option_label(token.token, whole_percentage(token.probability))
    return discord.SelectOption(
        label=option_label(other.token, whole_percentage(other.probability)),
        value=f"{position}:{other.token.id}",
        description=f"Token {position + 1:,}, instead of {written}"[:OPTION_LIMIT],
    )


def draft_answer(draft: Continuation, place: Place | None) -> Answer:
    """Show the draft, or its place in the queue."""
    if place is not None:
        embed = _embed("Waiting …", draft)
        embed.set_footer(text=place_text(place))
        return Answer(embed)
    embed = _embed("Writing …", draft)
    progress = f"{len(draft.output_ids)} of up to {draft.parameters.max_new_tokens} new tokens"
    if draft.parameters.num_beams is not None:
        progress += f", best of {draft.parameters.num_beams} beams so far"
    embed.set_footer(text=progress)
    return Answer(embed)


def place_text(place: Place) -> str:
    """Return the place in the queue in words, with the estimated wait if there is one."""
    text = "next in the queue" if place.ahead == 0 else f"{place.ahead} ahead in the queue"
    return text if place.seconds is None else f"{text}, about {max(1, round(place.seconds))} s"


def cut_off_embed(draft: discord.Embed) -> discord.Embed:
    """Return the embed for a draft that a restart interrupted."""
    embed = discord.Embed(title="Cut off", description=draft.description, colour=AMBER)
    embed.set_footer(text="The bot restarted while writing this. Ask again to get the rest.")
    return embed


def _embed(title: str, result: Continuation) -> discord.Embed:
    prompt, written = prompt_excerpt(result.prompt), bold_excerpt(result.text, TEXT_LIMIT)
    nothing = "" if title != FINISHED else " *(no text)*"
    return discord.Embed(title=title, description=f"{prompt.text}{written.text or nothing}", colour=BLURPLE)


def parameters_text(result: Continuation) -> str:
    """Return the parameters that the strategy uses, as ``name=value``."""
    return " · ".join(f"`{name}={_plain(value)}`" for name, value in result.parameters.used().items())


def stop_reason(result: Continuation) -> str:
    """Return why generation ended, with the number of new tokens."""
    count = len(result.output_ids)
    tokens = "1 new token" if count == 1 else f"{count} new tokens"
    if result.finish_reason == "stopped":
        return f"by a person, after {tokens}"
    if result.finish_reason == "stop":
        return f"by the model, after {tokens}"
    return f"at the limit of {tokens}"


def speed(result: Continuation, seconds: float) -> str:
    """Return tokens per second."""
    return f"{(len(result.output_ids) - result.written_before) / max(seconds, 1e-9):.1f} tokens/s"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
