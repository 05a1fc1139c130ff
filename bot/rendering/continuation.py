"""A continuation as an embed: the prompt plain, what the model wrote in bold."""

import discord

from bot.inference.model import Continuation
from bot.rendering.answer import BLURPLE, Answer, Attachment, Computed, footer
from bot.rendering.prose import bold_excerpt, prompt_excerpt

TEXT_LIMIT = 2000  # characters of the continuation, escaped


def continuation_answer(result: Continuation, computed: Computed) -> Answer:
    """Show prompt and continuation, the parameters used, the speed, and why it stopped."""
    prompt, written = prompt_excerpt(result.prompt), bold_excerpt(result.text, TEXT_LIMIT)
    embed = discord.Embed(
        title="Continuation", description=f"{prompt.text}{written.text or ' *(no text)*'}", colour=BLURPLE
    )
    embed.add_field(name="Parameters", value=parameters_text(result), inline=False)
    embed.add_field(name="Stopped", value=stop_reason(result), inline=True)
    embed.add_field(name="Speed", value=speed(result, computed.seconds), inline=True)
    embed.set_footer(text=footer(computed))
    if prompt.complete and written.complete:
        return Answer(embed)
    whole = Attachment("continuation.txt", result.prompt + result.text, "The prompt and the whole continuation")
    return Answer(embed, (whole,))


def parameters_text(result: Continuation) -> str:
    """Return the parameters in force, as ``name=value`` in the order in which they matter."""
    return " · ".join(f"`{name}={_plain(value)}`" for name, value in result.parameters.used().items())


def stop_reason(result: Continuation) -> str:
    """Return why generation ended, with the count of new tokens."""
    count = len(result.output_ids)
    tokens = "1 new token" if count == 1 else f"{count} new tokens"
    if result.finish_reason == "stop":
        return f"the model ended the text after {tokens}"
    return f"after {tokens}, as many as asked for"


def speed(result: Continuation, seconds: float) -> str:
    """Return tokens per second."""
    return f"{len(result.output_ids) / max(seconds, 1e-9):.1f} tokens/s"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
