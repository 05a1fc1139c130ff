"""A restart while people use the bot: each interaction is answered once or refused, and none is left "thinking…"."""

import asyncio
import contextlib
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.endpoints import Endpoints, free_port
from tests.wire.objects import APPLICATION, Json
from tests.wire.overlapping import overlap
from tests.wire.people import Interaction
from tests.wire.rest import Fault
from tests.wire.running import PROMPT, started, until, until_loaded, wait_for_answer, wait_for_end

DEFERRED = 5
COMMANDS: list[tuple[str, dict[str, Any], str]] = [
    ("topk", {"prompt": PROMPT}, "Next token"),
    ("continue", {"prompt": PROMPT, "max_new_tokens": 8}, "Continuation"),
    ("help", {}, "Nightword"),
]
TITLES = {title for _, _, title in COMMANDS} | {"Details"}
SLOW = "Discord was slow"  # on a machine so busy that an acknowledgement takes 2.5 s


@asynccontextmanager
async def stream(discord: Discord, below: Json, pause: float) -> AsyncIterator[list[Interaction]]:
    """Send an interaction of another person every `pause` seconds: commands, and a press of *Details*."""
    sent: list[Interaction] = []

    async def send() -> None:
        for user in itertools.count(100):
            name, options, _ = COMMANDS[user % len(COMMANDS)]
            press = user % 4 == 0
            sent.append(
                await (
                    discord.press("Details", below, user=user) if press else discord.slash(name, user=user, **options)
                )
            )
            await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    try:
        yield sent
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


def is_settled(interaction: Interaction) -> bool:
    """Whether its user sees one answer or one refusal, and no "thinking…" and no draft."""
    return interaction.answered.is_set() and len(set(interaction.titles)) == 1 and not interaction.is_draft


def answers(discord: Discord, interactions: list[Interaction]) -> Counter[str]:
    """Return how often each title was the answer, and check that every interaction has exactly one."""
    for interaction in interactions:
        assert len(interaction.callbacks) == 1
        if SLOW not in interaction.titles:
            assert interaction.final_edits == (interaction.callbacks[0]["type"] == DEFERRED)
    doubled = [problem for problem in discord.refused if "already been acknowledged" in problem]
    assert discord.refused == doubled  # the other process was faster, and this one did no more
    discord.refused.clear()
    return Counter(interaction.titles[0] for interaction in interactions)


async def until_settled(interactions: list[Interaction]) -> None:
    await until(lambda: all(is_settled(interaction) for interaction in interactions))


async def test_while_a_new_process_takes_over_each_interaction_is_answered_once_or_refused(tmp_path: Path) -> None:
    old_endpoints, new_endpoints = Endpoints(free_port()), Endpoints(free_port())

    def settings(endpoints: Endpoints) -> dict[str, str]:
        return {"BOT_HTTP_PORT": str(endpoints.port), "BOT_QUEUE_LIMIT": "1000"}

    async with discord_on_loopback(overlap) as (discord, port):
        async with started(port, cwd=tmp_path, **settings(old_endpoints)) as old:
            await until_loaded(discord)
            below = (await wait_for_answer(await discord.slash("tokenize", text=PROMPT))).original
            assert below is not None
            async with (
                stream(discord, below, pause=0.1) as sent,
                started(port, cwd=tmp_path, **settings(new_endpoints)) as new,
            ):
                await new_endpoints.until("/readyz", 200)
                at_signal = len(sent)
                old.send_signal(signal.SIGTERM)
                code, _, err = await wait_for_end(old)
                at_end = len(sent)
                await until(lambda: len(sent) > at_end + 10)
                await until_settled(interactions := list(sent))
                served = await new_endpoints.samples()
                new.send_signal(signal.SIGTERM)
                assert (await wait_for_end(new))[0] == 0
        shown = answers(discord, interactions)
    assert (code, "Traceback" in err) == (0, False)
    assert discord.gateway.identified == 2
    assert set(shown) <= TITLES | {"Still loading", "Shutting down", SLOW}  # either process can be the first to reply
    assert len(interactions) > at_end > at_signal > 0
    assert {title for interaction in interactions[at_end:] for title in interaction.titles} <= TITLES | {SLOW}
    assert served.total("nightword_interactions_total", outcome="answered") >= len(interactions) - at_end


async def test_an_interaction_that_arrives_after_sigterm_is_answered_or_was_never_taken(tmp_path: Path) -> None:
    """Without another process, an interaction that comes too late gets Discord's "did not respond", never a defer."""
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, BOT_QUEUE_LIMIT="1000") as process:
        await until_loaded(discord)
        below = (await wait_for_answer(await discord.slash("tokenize", text=PROMPT))).original
        assert below is not None
        async with stream(discord, below, pause=0.005) as sent:
            await until(lambda: len(sent) > 50)
            process.send_signal(signal.SIGTERM)
            code, _, err = await wait_for_end(process)
        taken = [interaction for interaction in sent if interaction.callbacks]
        assert all(is_settled(interaction) for interaction in taken), Counter(
            tuple(interaction.titles) for interaction in taken if not is_settled(interaction)
        )
        shown = answers(discord, taken)
    assert (code, "Traceback" in err) == (0, False)
    assert set(shown) <= TITLES | {"Shutting down", SLOW}
    assert shown["Shutting down"] > 0


async def test_a_process_that_hears_nothing_leaves_the_answer_of_the_other_alone(tmp_path: Path) -> None:
    """One process never hears whether it was acknowledged. It must not replace what the other has answered."""
    endpoints = [Endpoints(free_port()), Endpoints(free_port())]
    async with (
        discord_on_loopback(overlap) as (discord, port),
        started(port, cwd=tmp_path, BOT_HTTP_PORT=str(endpoints[0].port)),
        started(port, cwd=tmp_path, BOT_HTTP_PORT=str(endpoints[1].port)),
    ):
        for endpoint in endpoints:
            await endpoint.until("/readyz", 200)
        discord.callback_faults.append(Fault(hangs=True))  # for the faster of the two
        interaction = await wait_for_answer(await discord.slash("topk", prompt=PROMPT))
        await until(lambda: discord.count(f"GET /webhooks/{APPLICATION}/{interaction.token}"))
        for endpoint in endpoints:  # both are done with it
            await endpoint.until_counted("nightword_interactions_total", 1, command="topk")
            await endpoint.until("/metrics", 200, "nightword_interactions_in_progress 0.0")
    assert (interaction.titles, interaction.final_edits, len(interaction.callbacks)) == (["Next token"], 1, 1)
