"""Many people at once: each is acknowledged and answered once, people take turns, and a failure affects no one else."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.wire.discord_peer import discord_on_loopback
from tests.wire.people import Interaction
from tests.wire.rest import Fault
from tests.wire.running import PROMPT, check_still_serves, started, until, until_loaded, wait_for_final_answer


@pytest.mark.parametrize("people", [40, 200])
@pytest.mark.parametrize("model", ["demo", "slow"])
async def test_many_requests_at_once_are_each_acknowledged_and_answered_once(
    tmp_path: Path, people: int, model: str, slow_model: Path
) -> None:
    name = str(slow_model) if model == "slow" else model
    async with (
        discord_on_loopback() as (discord, port),
        started(port, cwd=tmp_path, BOT_MODEL=name, BOT_QUEUE_LIMIT="32"),
    ):
        await until_loaded(discord)
        everyone = [
            await discord.slash("continue", user=user, prompt=PROMPT, max_new_tokens=10) for user in range(people)
        ]
        await asyncio.gather(*(wait_for_final_answer(interaction) for interaction in everyone))
        await check_still_serves(discord)
    outcomes: Counter[str] = Counter()
    for interaction in everyone:
        (title,) = interaction.titles
        assert len(interaction.callbacks) == 1
        assert interaction.callbacks[0]["type"] == (4 if title == "Busy" else 5)
        outcomes[title] += 1
    assert set(outcomes) <= {"Continuation", "Busy"}
    assert outcomes["Continuation"] >= 32
    texts = {
        interaction.original["embeds"][0]["description"]
        for interaction in everyone
        if interaction.original and interaction.edits
    }
    assert len(texts) == 1  # the same prompt, greedily: the same text for everyone


async def test_people_take_turns(tmp_path: Path, slow_model: Path) -> None:
    async with (
        discord_on_loopback() as (discord, port),
        started(port, cwd=tmp_path, BOT_MODEL=str(slow_model), BOT_USER_LIMIT="4", BOT_BATCH_SIZE="1"),
    ):
        await until_loaded(discord)
        greedy = [await discord.slash("continue", user=1, prompt=PROMPT, max_new_tokens=10) for _ in range(4)]
        await until(greedy[-1].acknowledged.is_set)
        modest = [await discord.slash("continue", user=user, prompt=PROMPT, max_new_tokens=10) for user in (2, 3)]
        for interaction in (*greedy, *modest):
            assert (await wait_for_final_answer(interaction)).titles == ["Continuation"]
        refused = [await discord.slash("continue", user=1, prompt=PROMPT, max_new_tokens=10) for _ in range(5)]
        titles = [(await wait_for_final_answer(interaction)).titles for interaction in refused]
    in_order = sorted((*greedy, *modest), key=lambda interaction: interaction.answered_at)
    assert {interaction.user for interaction in in_order[-2:]} == {
        1
    }  # the people who sent fewer requests later were not last
    assert titles == [["Continuation"]] * 4 + [["Too many requests"]]


async def test_a_cancelled_a_failing_and_a_timed_out_request_leave_the_others_unchanged(
    tmp_path: Path, slow_model: Path
) -> None:
    prompts = [f"{PROMPT} night number {number}" for number in range(4)]
    failures: list[Interaction] = []
    async with discord_on_loopback() as (discord, port):

        async def texts(*, among_failures: bool) -> list[str]:
            others = []
            for user, prompt in enumerate(prompts):
                others.append(await discord.slash("continue", user=user, prompt=prompt, max_new_tokens=10))
                await until(others[-1].acknowledged.is_set)
                if among_failures:
                    await fail(user)
            shown = [(await wait_for_final_answer(interaction)).original for interaction in others]
            return [message["embeds"][0]["description"] for message in shown if message is not None]

        async def fail(user: int) -> None:
            if user == 1:
                discord.callback_faults = [Fault(400)]  # no answer can be delivered now, so the request is cancelled
                failures.append(await discord.slash("continue", user=11, prompt="Once", max_new_tokens=10))
                await until(failures[-1].refused.is_set)
            elif user == 2:
                failures.append(await discord.slash("topk", user=12, prompt="the " * 1200))
            else:
                failures.append(
                    await discord.slash("continue", user=13 + user, prompt="Once", strategy="beam", num_beams=10,
                                        max_new_tokens=256)
                )  # fmt: skip
            await asyncio.sleep(0.1)

        async with started(port, cwd=tmp_path, BOT_MODEL=str(slow_model)):
            await until_loaded(discord)
            began = time.perf_counter()
            alone = await texts(among_failures=False)
            seconds = time.perf_counter() - began
        # Enough for 10 tokens beside 2 × 10 beams, and too short for the beams' 256 tokens, at any machine speed.
        deadline = str(max(2, round(8 * seconds)))
        discord.ready.clear()
        async with started(port, cwd=tmp_path, BOT_MODEL=str(slow_model), BOT_REQUEST_TIMEOUT=deadline):
            await until_loaded(discord)
            among = await texts(among_failures=True)
            timed_out, cancelled, failed, _ = [
                await wait_for_final_answer(interaction) if interaction.callbacks else interaction
                for interaction in failures
            ]
        assert timed_out.titles == ["Took too long"]
        assert failed.titles == ["Too long"]
        assert (cancelled.callbacks, cancelled.edits) == ([], 0)
    assert len(set(alone)) == len(prompts)
    assert among == alone
