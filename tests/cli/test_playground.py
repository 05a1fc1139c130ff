"""The playground as a newcomer starts it: one command, an address, a page, and a clean end."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("simcord.preview", reason="the playground's packages are not installed")
pytestmark = pytest.mark.slow


def start(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    return subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "bot", "playground", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment,
    )


@pytest.mark.parametrize(
    ("channel", "end"), [("playground", signal.SIGINT), ("reviews", signal.SIGTERM), ("moderators", signal.SIGTERM)]
)
def test_it_prints_an_address_that_serves_a_page_and_ends_cleanly(
    channel: str, end: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "BOT_GUILD_IDS=12\nBOT_HEARTBEAT_FILE=./no/heartbeat\nBOT_SHARD_COUNT=6\nBOT_SHARD_IDS=2\n"
    )  # settings for the real Discord
    playground = start("--port", "0", "--channel", channel, cwd=tmp_path)
    assert playground.stdout is not None
    line = playground.stdout.readline()
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+/#\S+", line)
    with urllib.request.urlopen(address, timeout=20) as page:  # noqa: S310  # loopback
        assert page.status == 200
        assert b"<html" in page.read().lower()
    playground.send_signal(end)
    _, err = playground.communicate(timeout=30)
    assert playground.returncode == 0
    assert err == "Loading the model demo …\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start("--port", port, cwd=tmp_path)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 78
    assert out == ""
    last = err.splitlines()[-1]
    assert last == (
        f"nightword: The playground can't listen on port {port}: error while attempting to bind on address "
        f"('127.0.0.1', {port}): address already in use. Choose another port with --port."
    )
    assert "Traceback" not in err


def test_it_can_be_ended_while_the_model_loads(tmp_path: Path) -> None:
    script = (
        "import sys, time, bot.app.client as c, bot.cli.playground\n"
        "c.load_language_model = lambda settings: time.sleep(60)\n"
        "from bot.__main__ import main\n"
        "sys.argv = ['nightword', 'playground', '--port', '0']\n"
        "main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, cwd=tmp_path)  # noqa: S603  # our own interpreter
    assert process.stderr is not None
    assert process.stderr.readline() == "Loading the model demo …\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_a_missing_model_ends_it_at_once(tmp_path: Path) -> None:
    process = start("--model", "./nowhere", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 78
    assert out == ""
    assert "nightword: The model ./nowhere cannot be used: this folder does not exist." in err
    assert "Traceback" not in err
