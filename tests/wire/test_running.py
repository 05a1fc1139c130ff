"""How these tests wait: as long as the bot shows signs of life, and no longer than it runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.wire import running
from tests.wire.people import Interaction
from tests.wire.rest import SIGNS_OF_LIFE
from tests.wire.running import started, until, wait_for_answer, wait_for_first_message


def message(title: str) -> dict[str, Any]:
    return {"embeds": [{"title": title}]}


async def test_an_answer_is_waited_for_past_its_drafts() -> None:
    interaction = Interaction("1", "token", 1)

    async def answer() -> None:
        for title in ("Waiting …", "Writing …", "Continuation"):
            interaction.original = message(title)
            interaction.answer()
            await asyncio.sleep(0.1)

    answering = asyncio.create_task(answer())
    assert (await wait_for_first_message(interaction)).titles == ["Waiting …"]
    assert (await wait_for_answer(interaction)).titles == ["Continuation"]
    await answering


async def test_a_bot_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    async with started(9, cwd=tmp_path, token=None) as process:
        with pytest.raises(AssertionError, match=r"the bot ended with \[78\] meanwhile"):
            await until(lambda: False)
        assert process.returncode == 78


async def test_a_condition_that_a_bot_s_end_meets_is_seen(tmp_path: Path) -> None:
    async with started(9, cwd=tmp_path, token=None) as process:
        assert await until(lambda: process.returncode) == 78


async def test_signs_of_life_prolong_a_wait_and_silence_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.5)
    waiting = asyncio.create_task(until(lambda: False))
    for _ in range(10):
        await asyncio.sleep(0.1)
        SIGNS_OF_LIFE.count += 1
    assert not waiting.done(), "it has waited for twice PATIENCE"
    with pytest.raises(TimeoutError, match="without a sign of life"):
        await waiting


async def test_every_wait_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_PATIENCE", 0.3)
    with pytest.raises(TimeoutError):
        await until(lambda: setattr(SIGNS_OF_LIFE, "count", SIGNS_OF_LIFE.count + 1))
