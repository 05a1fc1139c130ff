"""Output to a terminal and to a pipe, with NO_COLOR, FORCE_COLOR and TERM=dumb, on a real pseudo-terminal."""

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
    """A stream that writes to a pseudo-terminal and records what arrives there."""

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
        with contextlib.suppress(OSError):  # raised when the last writer has closed the terminal
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
def as_terminal(name: str) -> Iterator[list[str]]:
    """Replace a standard stream by a terminal. At the end, the list that it yields has the output."""
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


def variables_id(variables: object) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items()) if isinstance(variables, dict) else ""


@pytest.mark.parametrize("environment", STYLED, indirect=True, ids=variables_id)
def test_a_terminal_shows_the_model_s_text_in_bold(environment: Mapping[str, str]) -> None:
    with as_terminal("stdout") as seen:
        assert run(CONTINUE) == 0
    (out,) = seen
    assert out.startswith(f"{PROMPT}{ESCAPE}[1m night")
    assert out.count(ESCAPE) == 2
    assert HINT not in out


@pytest.mark.parametrize("environment", PLAIN, indirect=True, ids=variables_id)
def test_a_terminal_without_styles_gets_no_escape_sequence(
    environment: Mapping[str, str],
) -> None:
    with as_terminal("stdout") as seen:
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
    ids=variables_id,
)
def test_a_pipe_gets_bold_text_only_with_force_color(
    environment: Mapping[str, str], is_styled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with as_terminal("stderr") as seen:  # the progress bar's stream decides for itself
        assert run(CONTINUE) == 0
    out = capsys.readouterr().out
    assert (ESCAPE in out) == is_styled
    assert (HINT in out) != is_styled
    assert seen == [""]


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1"}], indirect=True, ids=variables_id)
def test_json_never_has_an_escape_sequence(environment: Mapping[str, str]) -> None:
    with as_terminal("stdout") as seen:
        assert run([*CONTINUE, "--json"]) == 0
    assert ESCAPE not in seen[0]
    assert HINT not in seen[0]


@pytest.mark.parametrize(
    "command",
    [
        ("sentiment", "I loved it."),
        ("sentiment", "I loved it.", "--explain"),
        ("decide", "I loved it.", "--preset", "spam", "--explain"),
        ("topk", PROMPT),
        ("tokenize", PROMPT),
        ("xray", PROMPT),
        ("diff", PROMPT, "--dtype-b", "bfloat16"),
        ("compare", PROMPT, "--max-new-tokens", "3"),
        ("sampler", PROMPT),
        ("layers", PROMPT),
        ("contrast", PROMPT, "It was a"),
        ("why", PROMPT),
    ],
)
@pytest.mark.parametrize("environment", [{"TERM": "dumb", "NO_COLOR": "1"}], indirect=True, ids=variables_id)
def test_no_command_writes_an_escape_sequence_to_a_plain_terminal(
    environment: Mapping[str, str], command: tuple[str, ...]
) -> None:
    with as_terminal("stdout") as out, as_terminal("stderr") as err:
        assert run([*command, "--model", "demo"]) == 0
    assert ESCAPE not in out[0] + err[0]
    assert out[0]


@pytest.mark.parametrize(
    ("environment", "has_bar"),
    [({}, True), ({"TERM": "dumb"}, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, False), ({"NO_COLOR": "1"}, True)],
    indirect=["environment"],
    ids=variables_id,
)
def test_a_progress_bar_is_drawn_unless_the_terminal_is_dumb(
    environment: Mapping[str, str], has_bar: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("reviews.txt").write_text("I loved it.\nI hated it.\n")
    with as_terminal("stderr") as seen:
        assert run(["sentiment", "--lines", "reviews.txt", "--model", "demo"]) == 0
    assert ("2/2" in seen[0]) == has_bar
    assert ("\r" in seen[0]) == has_bar
    assert ESCAPE not in seen[0] + capsys.readouterr().out
