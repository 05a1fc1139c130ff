"""What people read in a message, and what there is instead where they read nothing.

Read are its content, the words of a message that it forwards, a poll's question and answers, and the texts in an app's
components. Not read are embeds (link previews, cards of apps, a poll's result), pictures, sounds, stickers and other
files, the message that it replies to, and Discord's own notices.
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
_ARTICLES = {"image": "an", "embed": "an"}


def message_text(message: discord.Message) -> str:
    """Return the text that people read in a message, "" where there is none.

    It is the content to the letter where there is nothing else. A thread's first message has that of the message from
    which the thread was begun.
    """
    if message.type is discord.MessageType.thread_starter_message:
        begun_from = None if message.reference is None else message.reference.resolved
        return message_text(begun_from) if isinstance(begun_from, discord.Message) else ""
    if message.type not in _WORDS:
        return ""
    texts = [*_written(message), *(text for snapshot in message.message_snapshots for text in _written(snapshot))]
    if message.poll is not None:
        texts += [message.poll.question, *(answer.text for answer in message.poll.answers)]
    return "\n".join(text for text in texts if text)


def text_to_read(message: discord.Message) -> str:
    """Return the text of a message. Raises MessageWithoutText, which says what there is instead."""
    text = message_text(message)
    if not text.strip():
        raise MessageWithoutText(_instead(message))
    return text


def lacks_forwarded(message: discord.Message) -> bool:
    """Return whether a message forwards another that Discord did not give with it: its text is unknown."""
    reference = message.reference
    is_forward = reference is not None and reference.type is discord.MessageReferenceType.forward
    return is_forward and not message.message_snapshots


def _written(part: discord.Message | discord.MessageSnapshot) -> Iterator[str]:
    yield part.content
    yield from _texts(part.components)


def _texts(components: Iterable[object]) -> Iterator[str]:
    """Yield the texts in components, in containers and sections too."""
    for component in components:
        if isinstance(component, discord.TextDisplay):
            yield component.content
        else:
            yield from _texts(getattr(component, "children", ()))


def _instead(message: discord.Message) -> str:
    if message.type is discord.MessageType.poll_result:
        return "it is the result of a poll"
    if message.type is discord.MessageType.thread_starter_message:
        return "it only points to the message that started this thread, and Discord did not send that message"
    if message.type not in _WORDS:
        return "it is one of Discord's own notices"
    if lacks_forwarded(message):
        return "Discord does not give the message that it forwards"
    if held := _held(message):
        return f"it holds {held}"
    if forwarded := " and ".join(filter(None, map(_held, message.message_snapshots))):
        return f"it forwards {forwarded}"
    return "it is empty"


def _held(part: discord.Message | discord.MessageSnapshot) -> str:
    """Return what a message has besides text, such as ``2 images and a sticker``, in the order of the kinds."""
    kinds = Counter(
        [*map(_kind, part.attachments), *("sticker" for _ in part.stickers), *("embed" for _ in part.embeds)]
    )
    if part.components and not kinds:
        return "buttons or pictures of an app"
    *first, last = [_counted(kind, count) for kind, count in kinds.items()] or [""]
    listed = f"{', '.join(first)} and {last}" if first else last
    unread = {0: "", 1: ", which is not read"}.get(kinds["embed"], ", which are not read")
    return f"{listed}{unread}"


def _kind(attachment: discord.Attachment) -> str:
    if attachment.is_voice_message():
        return "voice message"
    kind = (attachment.content_type or "").partition("/")[0]
    return {"image": "image", "video": "video", "audio": "sound"}.get(kind, "file")


def _counted(kind: str, count: int) -> str:
    return f"{_ARTICLES.get(kind, 'a')} {kind}" if count == 1 else f"{count} {kind}s"
