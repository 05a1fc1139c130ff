"""The text that people read in a message, and what a message without text has instead.

The text is the content, the words of a forwarded message, a poll's question and answers, and the texts in an app's
components. These are not read: embeds (link previews, apps' cards, a poll's result), pictures, audio, stickers, other
files, the message it replies to, and Discord's own notices.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import discord

from bot.errors import MessageWithoutText

_WORDS = (
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
)
_ARTICLES = {"image": "an", "audio file": "an", "embed": "an"}


def message_text(message: discord.Message) -> str:
    """Return the text that people read in a message, or "".

    If there is only content, it is returned unchanged. The first message of a thread has the text of the message that
    started the thread.
    """
    if message.type is discord.MessageType.thread_starter_message:
        starter = None if message.reference is None else message.reference.resolved
        return message_text(starter) if isinstance(starter, discord.Message) else ""
    if message.type not in _WORDS:
        return ""
    texts = [*_part_texts(message), *(text for snapshot in message.message_snapshots for text in _part_texts(snapshot))]
    if message.poll is not None:
        texts += [message.poll.question, *(answer.text for answer in message.poll.answers)]
    return "\n".join(text for text in texts if text)


def text_to_read(message: discord.Message) -> str:
    """Return the text of a message. Raises MessageWithoutText, which says what the message has instead."""
    text = message_text(message)
    if not text.strip():
        raise MessageWithoutText(_reason_without_text(message))
    return text


def is_forward_unavailable(message: discord.Message) -> bool:
    """Return whether a message forwards another one that Discord did not include: its text is unknown."""
    reference = message.reference
    is_forward = reference is not None and reference.type is discord.MessageReferenceType.forward
    return is_forward and not message.message_snapshots


def _part_texts(part: discord.Message | discord.MessageSnapshot) -> Iterator[str]:
    yield part.content
    yield from _component_texts(part.components)


def _component_texts(components: Iterable[object]) -> Iterator[str]:
    """Yield the texts in components, including those in containers and sections."""
    for component in components:
        if isinstance(component, discord.TextDisplay):
            yield component.content
        else:
            yield from _component_texts(getattr(component, "children", ()))


def _reason_without_text(message: discord.Message) -> str:
    if message.type is discord.MessageType.poll_result:
        return "it is the result of a poll"
    if message.type is discord.MessageType.thread_starter_message:
        return "it only points to the message that started this thread, and Discord did not send that message"
    if message.type not in _WORDS:
        return "it is one of Discord's own notices"
    if is_forward_unavailable(message):
        return "Discord did not include the message that it forwards"
    if contents := _contents_text(message):
        return f"it contains {contents}"
    if forwarded := " and ".join(filter(None, map(_contents_text, message.message_snapshots))):
        return f"it forwards {forwarded}"
    return "it is empty"


def _contents_text(part: discord.Message | discord.MessageSnapshot) -> str:
    """Return what a message has other than text, such as ``2 images and a sticker``."""
    kinds = Counter(
        [*map(_kind, part.attachments), *("sticker" for _ in part.stickers), *("embed" for _ in part.embeds)]
    )
    if part.components and not kinds:
        return "an app's buttons or pictures"
    *first, last = [_count_text(kind, count) for kind, count in kinds.items()] or [""]
    listed = f"{', '.join(first)} and {last}" if first else last
    unread = {0: "", 1: ", which is not read"}.get(kinds["embed"], ", which are not read")
    return f"{listed}{unread}"


def _kind(attachment: discord.Attachment) -> str:
    if attachment.is_voice_message():
        return "voice message"
    kind = (attachment.content_type or "").partition("/")[0]
    return {"image": "image", "video": "video", "audio": "audio file"}.get(kind, "file")


def _count_text(kind: str, count: int) -> str:
    return f"{_ARTICLES.get(kind, 'a')} {kind}" if count == 1 else f"{count} {kind}s"
