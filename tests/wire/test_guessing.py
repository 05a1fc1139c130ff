"""People who guess at the same moment: no guess is lost, and the reveal has them all."""

import asyncio
import re
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import Json, in_server
from tests.wire.people import EVERYTHING, MEMBER, Interaction
from tests.wire.receipts import state_of
from tests.wire.rest import API, answer, payload
from tests.wire.running import PROMPT, started, until, until_loaded, wait_for_answer

PEOPLE = 8
GUESSES = ["night", "day", "evening", "sea"]


class Board:
    """The message of a round, shared by everyone who presses its buttons or submits its form."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self.message: Json | None = None
        self.reads = 0
        routes, original = discord.routes(), f"{API}/webhooks/{{app}}/{{token}}/messages/@original"
        mine = [web.get(original, self._read), web.patch(original, self._edit)]
        discord.routes = lambda: [*mine, *routes]  # type: ignore[method-assign]  # the board's routes come first

    async def _read(self, _: web.Request) -> web.Response:
        self.reads += 1
        await asyncio.sleep(0.05)  # long enough that others read it as well
        return (
            answer({"code": 10008, "message": "Unknown Message"}, 404) if self.message is None else answer(self.message)
        )

    async def _edit(self, request: web.Request) -> web.Response:
        if self.message is None:  # the round has not been opened
            return await self._discord._edit(request)
        body, files = await payload(request)
        self.message = self._discord._message(request, body, files, self.message)
        return answer(self.message)

    def state(self, name: str = "guess.json") -> Any:
        assert self.message is not None
        return state_of(self._discord, self.message, name)

    def text(self) -> str:
        assert self.message is not None
        return str(self.message["embeds"][0]["description"])


async def reply_title(interaction: Interaction) -> str:
    """Return the title of the private reply."""
    await until(lambda: interaction.followups)
    (title,) = interaction.titles
    return title


async def test_a_guess_below_a_deleted_message_is_refused(tmp_path: Path) -> None:
    boards: list[Board] = []
    async with (
        discord_on_loopback(lambda discord: boards.append(Board(discord))) as (discord, port),
        started(port, cwd=tmp_path),
    ):
        await until_loaded(discord)
        opened = await wait_for_answer(await discord.slash("guess", prompt=PROMPT))
        assert opened.original is not None
        form = await wait_for_answer(await discord.press("Guess", opened.original))
        below = {**in_server(1, MEMBER, EVERYTHING), "message": opened.original}
        late = await discord.submit(form, {"guess": "night"}, where=below)
        assert await reply_title(late) == "Expired"
    assert late.followups[0]["embeds"][0]["description"] == "This message has been deleted. Ask again."
    assert late.edits == 0


async def test_no_guess_is_lost_among_many_at_once(tmp_path: Path) -> None:
    boards: list[Board] = []
    async with (
        discord_on_loopback(lambda discord: boards.append(Board(discord))) as (discord, port),
        started(port, cwd=tmp_path),
    ):
        (board,) = boards
        await until_loaded(discord)
        opened = await wait_for_answer(await discord.slash("guess", prompt=PROMPT))
        assert opened.original is not None
        stale = board.message = opened.original
        forms = [await wait_for_answer(await discord.press("Guess", stale, user=user)) for user in range(PEOPLE)]
        below = {number: {**in_server(number, MEMBER, EVERYTHING), "message": stale} for number in range(PEOPLE)}
        taken = [
            await discord.submit(form, {"guess": GUESSES[user % len(GUESSES)]}, where=below[user])
            for user, form in enumerate(forms)
        ]
        assert [await reply_title(interaction) for interaction in taken] == ["Guess saved"] * PEOPLE
        assert sorted(guess["name"] for guess in board.state()["guesses"]) == [f"user{n}" for n in range(PEOPLE)]
        twice = [await discord.press("Reveal", stale) for _ in range(2)]  # by an impatient opener
        await until(lambda: any(interaction.followups for interaction in twice))
        scores = board.state("receipt.json")["state"]["scores"]
    assert [interaction.titles for interaction in twice if interaction.followups] == [["Expired"]]
    assert sorted(score["token"].strip() for score in scores) == sorted(
        GUESSES[number % len(GUESSES)] for number in range(PEOPLE)
    )
    for number in range(PEOPLE):
        assert re.search(rf"user{number}: \*\*·{GUESSES[number % len(GUESSES)]}\*\*", board.text())
    assert board.reads == PEOPLE + 2
