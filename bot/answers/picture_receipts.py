"""Whether Discord keeps the receipts in pictures. It removed such data for some weeks in April 2023."""

import asyncio
import datetime
import logging

import discord

from bot.answers.answer import PICTURE
from bot.answers.delivery import ATTEMPT_SECONDS, NO_NEWS_FROM_DISCORD
from bot.receipts.picture import find_receipt

log = logging.getLogger(__name__)


class PictureReceipts:
    """What this process knows about the pictures it has sent.

    The first picture after a start, and the first of each day (UTC), is sent with its receipt as a file too, then
    fetched. If its receipt is still inside, the other answers of the day have no file.
    """

    def __init__(self) -> None:
        self._are_kept: bool | None = None  # None until the first picture was fetched
        self._checked_on: datetime.date | None = None
        self._is_checking = False

    def need_file(self) -> bool:
        """Return whether an answer with a picture also needs its receipt as a file."""
        return not (self._are_kept and self._is_checked_today())

    async def check(self, client: discord.Client, message: discord.Message) -> None:
        """Fetch the picture of a message that was sent just now, unless one was checked today."""
        if self._is_checking or self._is_checked_today():
            return
        self._is_checking = True
        try:
            receipt = await fetch_receipt(client, message)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.info("could not fetch a picture to look for its receipt: %s", problem or type(problem).__name__)
        except ValueError:
            self._note(are_kept=False)
        else:
            self._note(are_kept=receipt is not None)
        finally:
            self._is_checking = False

    def note_missing(self) -> None:
        """Note that a picture came back without its receipt."""
        self._note(are_kept=False)

    def _is_checked_today(self) -> bool:
        return self._checked_on == discord.utils.utcnow().date()

    def _note(self, *, are_kept: bool) -> None:
        if are_kept and not self._are_kept:
            log.info("Discord keeps the receipts in pictures, so answers with a picture have no file receipt.json")
        if not are_kept and self._are_kept is not False:
            log.warning(
                "Discord removed the receipt from a picture, so answers with a picture also have the file "
                "receipt.json. The bot checks again with the first picture of each day (UTC)."
            )
        self._are_kept, self._checked_on = are_kept, discord.utils.utcnow().date()


def picture_url(message: discord.Message) -> str | None:
    """Return the address of the message's picture as it was sent, or None.

    Discord lists a picture that an embed shows only in that embed (discord-api-docs, issue 1340).
    """
    for attachment in message.attachments:
        if attachment.filename == PICTURE:
            return attachment.url
    urls = (embed.image.url for embed in message.embeds)
    return next((url for url in urls if url is not None and url.startswith("http")), None)


async def fetch_receipt(client: discord.Client, message: discord.Message) -> str | None:
    """Return the receipt in the message's picture; None if it has none, or there is no picture.

    Raises ValueError if the picture is damaged, and HTTPException or NO_NEWS_FROM_DISCORD.
    """
    url = picture_url(message)
    if url is None:
        return None
    async with asyncio.timeout(ATTEMPT_SECONDS):
        png = await client.http.get_from_cdn(url)
    return await asyncio.to_thread(find_receipt, png)
