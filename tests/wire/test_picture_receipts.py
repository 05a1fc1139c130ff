"""The receipt in the picture: Discord keeps it, or removes it and the bot falls back to a file."""

import json
import signal
from pathlib import Path

import pytest

from bot.cli.main import run
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.forked import BotProcess
from tests.wire.objects import Json
from tests.wire.people import Interaction
from tests.wire.receipts import files, picture, state_of
from tests.wire.running import PROMPT, patiently, started, until, until_loaded, wait_for_answer, wait_for_end

KEPT = "Discord keeps the receipts in pictures"
REMOVED = "Discord removed the receipt from a picture"


async def shown(discord: Discord) -> Json:
    interaction = await wait_for_answer(await discord.slash("xray", text=PROMPT))
    assert interaction.original is not None
    return interaction.original


async def shown_without_file(discord: Discord) -> Json:
    """Ask until an answer has no file, which shows that the bot has found a receipt in a picture."""
    async for _ in patiently():
        if files(answer := await shown(discord)) == []:
            return answer
    raise AssertionError("a wait has no end of its own")


async def pressed(discord: Discord, label: str, below: Json) -> Interaction:
    return await wait_for_answer(await discord.press(label, below, user=2))


async def until_checked(discord: Discord) -> None:
    """Wait until the bot has fetched its first picture, which the answer to `until_loaded` has."""
    await until_loaded(discord)
    await until(lambda: "picture.png" in discord.fetched)


async def log_of(process: BotProcess) -> str:
    process.send_signal(signal.SIGTERM)
    code, _, err = await wait_for_end(process)
    assert code == 0
    assert "Traceback" not in err
    return err


async def test_a_kept_receipt_needs_no_file_and_is_replayed_here_and_in_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_checked(discord)
        answer = await shown_without_file(discord)
        assert state_of(discord, answer)["options"] == {"text": PROMPT}
        details = await pressed(discord, "Details", answer)
        assert details.original is not None
        assert files(details.original) == ["receipt.json"]  # to save it, for the person who pressed
        assert state_of(discord, details.original) == state_of(discord, answer)
        replayed = await pressed(discord, "Replay", details.original)
        assert replayed.titles == ["Replay: identical"]
        walk = (await wait_for_answer(await discord.slash("topk", prompt=PROMPT))).original
        assert walk is not None
        stepped = await pressed_by_opener(discord, "Sample", walk)
        assert (files(walk), files(stepped)) == ([], [])
        assert len(state_of(discord, stepped)["state"]["steps"]) == 1
        assert discord.fetched.count("picture.png") == 3  # the first one, and those of Details and Sample
        log = await log_of(process)
    assert log.count(KEPT) == 1
    assert REMOVED not in log

    saved = tmp_path / "saved.png"
    saved.write_bytes(picture(discord, answer))
    (tmp_path / "receipt.json").write_text(json.dumps(state_of(discord, answer)))
    for file in (saved, tmp_path / "receipt.json"):
        capsys.readouterr()
        assert run(["replay", str(file), "--model", "demo"]) == 0
        assert "identical: " in capsys.readouterr().out


async def pressed_by_opener(discord: Discord, label: str, below: Json) -> Json:
    interaction = await wait_for_answer(await discord.press(label, below))
    assert interaction.original is not None
    return interaction.original


async def test_if_discord_removes_receipts_every_answer_has_a_file(tmp_path: Path) -> None:
    def prepare(discord: Discord) -> None:
        discord.strips_pictures = True

    async with discord_on_loopback(prepare) as (discord, port), started(port, cwd=tmp_path) as process:
        await until_checked(discord)
        for _ in range(2):
            answer = await shown(discord)
            assert files(answer) == ["receipt.json"]
        assert (await pressed(discord, "Details", answer)).titles == ["Details"]
        assert discord.fetched.count("picture.png") == 1  # once a day
        log = await log_of(process)
    assert log.count(REMOVED) == 1
    assert KEPT not in log


async def test_a_receipt_that_is_missing_at_a_press_is_named_and_later_answers_have_files(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_checked(discord)
        answer = await shown_without_file(discord)
        discord.strips_pictures = True
        refused = await pressed(discord, "Details", answer)
        assert refused.titles == ["Expired"]
        assert refused.original is not None
        assert refused.original["embeds"][0]["description"] == (
            "Discord removed the data that this button needs from the picture. Ask again."
        )
        assert files(await shown(discord)) == ["receipt.json"]
        log = await log_of(process)
    assert (log.count(KEPT), log.count(REMOVED)) == (1, 1)


async def test_a_picture_that_cannot_be_fetched_decides_nothing(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        discord.loses_files = True
        await until_checked(discord)
        assert files(await shown(discord)) == ["receipt.json"]
        await until(lambda: discord.fetched.count("picture.png") == 2)
        discord.loses_files = False
        await shown_without_file(discord)
        log = await log_of(process)
    assert "could not fetch a picture to look for its receipt" in log
    assert REMOVED not in log
