"""What is written to a terminal and what to a pipe: NO_COLOR, FORCE_COLOR and TERM=dumb on a real pseudo-terminal."""

import contextlib
import io
import os
import pty
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bot.cli.main import run
from bot.engine.model import EngineModel
from bot.terminal import console as terminal_io

ESCAPE = "\033"
PROMPT = "It was a dark and stormy"
CONTINUE = ("continue", PROMPT, "--model", "demo", "--max-new-tokens", "3")
HINT = f"The first {len(PROMPT)} characters are the prompt; the model wrote the rest."
VARIABLES = ("TERM", "NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS", "COLORTERM", "CLICOLOR", "CLICOLOR_FORCE")


class Terminal(io.TextIOWrapper):
    """A stream that ends in a pseudo-terminal, and what came out of it there."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST  # line ends stay as they are written
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        termios.tcsetwinsize(slave, (24, 80))
        super().__init__(os.fdopen(slave, "wb"), encoding="utf-8", write_through=True)
        self._seen = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # a terminal whose last writer has gone
            while part := os.read(self._master, 65536):
                self._seen += part

    def end(self) -> str:
        self.close()
        self._reader.join()
        os.close(self._master)
        return self._seen.decode()


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel) -> None:
    monkeypatch.setattr(terminal_io, "load_language_model", lambda _: demo_model)


@pytest.fixture(autouse=True)
def _no_variables_of_this_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Mapping[str, str]:
    variables: Mapping[str, str] = request.param
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@contextlib.contextmanager
def instead(name: str) -> Iterator[list[str]]:
    """Put a terminal in the place of a standard stream; in the end the list holds what came out."""
    kept, terminal = getattr(sys, name), Terminal()
    seen: list[str] = []
    setattr(sys, name, terminal)
    try:
        yield seen
    finally:
        setattr(sys, name, kept)
        seen.append(terminal.end())


STYLED = [
    {},
    {"TERM": "xterm-256color"},
    {"TERM": "xterm", "NO_COLOR": ""},
    {"TERM": ""},
    {"FORCE_COLOR": "1", "TERM": "dumb"},
    {"FORCE_COLOR": "0"},
    {"PYTHON_COLORS": "1", "NO_COLOR": "1"},
]
PLAIN = [
    {"TERM": "dumb", "NO_COLOR": "1"},
    {"TERM": "dumb"},
    {"TERM": "dumb", "FORCE_COLOR": ""},
    {"TERM": "xterm", "NO_COLOR": "1"},
    {"TERM": "xterm", "NO_COLOR": "0"},
    {"NO_COLOR": "1", "FORCE_COLOR": "1"},
    {"PYTHON_COLORS": "0", "FORCE_COLOR": "1"},
]


def named(variables: object) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items()) if isinstance(variables, dict) else ""


@pytest.mark.parametrize("environment", STYLED, indirect=True, ids=named)
def test_a_terminal_shows_in_bold_what_the_model_wrote(environment: Mapping[str, str]) -> None:
    with instead("stdout") as seen:
        assert run(CONTINUE) == 0
    (out,) = seen
    assert out.startswith(f"{PROMPT}{ESCAPE}[1m night")
    assert out.count(ESCAPE) == 2
    assert HINT not in out


@pytest.mark.parametrize("environment", PLAIN, indirect=True, ids=named)
def test_a_terminal_that_wants_none_gets_no_escape_sequence(
    environment: Mapping[str, str],
) -> None:
    with instead("stdout") as seen:
        assert run(CONTINUE) == 0
    (out,) = seen
    assert ESCAPE not in out
    assert out.startswith(f"{PROMPT} night")
    assert HINT in out


@pytest.mark.parametrize(
    ("environment", "is_styled"),
    [
        ({}, False),
        ({"TERM": "xterm"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
    indirect=["environment"],
    ids=named,
)
def test_a_pipe_has_bold_only_where_that_is_forced(
    environment: Mapping[str, str], is_styled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with instead("stderr") as seen:  # which is looked at on its own
        assert run(CONTINUE) == 0
    out = capsys.readouterr().out
    assert (ESCAPE in out) == is_styled
    assert (HINT in out) != is_styled
    assert seen == [""]


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1"}], indirect=True, ids=named)
def test_json_has_no_escape_sequence_ever(environment: Mapping[str, str]) -> None:
    with instead("stdout") as seen:
        assert run([*CONTINUE, "--json"]) == 0
    assert ESCAPE not in seen[0]
    assert HINT not in seen[0]


@pytest.mark.parametrize(
    "command",
    [
        ("sentiment", "I loved it."),
        ("sentiment", "I loved it.", "--explain"),
        ("topk", PROMPT),
        ("tokenize", PROMPT),
        ("xray", PROMPT),
        ("compare", PROMPT, "--max-new-tokens", "3"),
        ("sampler", PROMPT),
    ],
)
@pytest.mark.parametrize("environment", [{"TERM": "dumb", "NO_COLOR": "1"}], indirect=True, ids=named)
def test_no_command_writes_one(environment: Mapping[str, str], command: tuple[str, ...]) -> None:
    with instead("stdout") as out, instead("stderr") as err:
        assert run([*command, "--model", "demo"]) == 0
    assert ESCAPE not in out[0] + err[0]
    assert out[0]


@pytest.mark.parametrize(
    ("environment", "has_bar"),
    [({}, True), ({"TERM": "dumb"}, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, False), ({"NO_COLOR": "1"}, True)],
    indirect=["environment"],
    ids=named,
)
def test_a_bar_is_drawn_where_a_line_can_be_drawn_again(
    environment: Mapping[str, str], has_bar: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("reviews.txt").write_text("I loved it.\nI hated it.\n")
    with instead("stderr") as seen:
        assert run(["sentiment", "--lines", "reviews.txt", "--model", "demo"]) == 0
    assert ("2/2" in seen[0]) == has_bar
    assert ("\r" in seen[0]) == has_bar
    assert ESCAPE not in seen[0] + capsys.readouterr().out
