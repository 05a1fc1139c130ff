"""The contract check fails on requests that Discord would refuse."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.contract import DOCUMENT, check_request

needs_document = pytest.mark.skipif(not DOCUMENT.exists(), reason=f"{DOCUMENT} is missing")

CALLBACK = "/interactions/1/token/callback"
ORIGINAL = "/webhooks/1/token/messages/@original"
COMMANDS = "/applications/1/commands"
NOBODY: dict[str, Any] = {"allowed_mentions": {"parse": []}}


@needs_document
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", CALLBACK, {"type": 5}),
        ("POST", CALLBACK, {"type": 4, "data": {"content": "hello", **NOBODY}}),
        ("PATCH", ORIGINAL, {"embeds": [{"title": "x"}], **NOBODY}),
        ("DELETE", ORIGINAL, None),
        ("PUT", COMMANDS, [{"name": "topk", "description": "x", "type": 1}]),
    ],
)
def test_a_valid_request_passes(method: str, path: str, body: Any) -> None:
    check_request(method, path, body)


@needs_document
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/interactions/1/token/call", {"type": 5}),
        ("PUT", CALLBACK, {"type": 5}),
        ("POST", CALLBACK, {"type": "five"}),
        ("PATCH", ORIGINAL, {"embeds": [{"title": "x" * 257}], **NOBODY}),
        ("PATCH", ORIGINAL, {"embeds": [{"description": "x" * 4097}], **NOBODY}),
        ("PATCH", ORIGINAL, {"embeds": [{"description": "x" * 4000}] * 2, **NOBODY}),
        ("PATCH", ORIGINAL, {"embeds": [], **NOBODY}),
        ("PATCH", ORIGINAL, {"content": "@everyone"}),
        ("PUT", COMMANDS, [{"name": "Top K", "description": "x", "type": 1}]),
        ("PUT", COMMANDS, [{"name": "topk", "description": "x" * 101, "type": 1}]),
        (
            "PUT",
            COMMANDS,
            [
                {
                    "name": "topk",
                    "description": "x",
                    "type": 1,
                    "options": [
                        {"type": 3, "name": "a", "description": "x", "required": False},
                        {"type": 3, "name": "b", "description": "x", "required": True},
                    ],
                }
            ],
        ),
    ],
)
def test_an_invalid_request_fails(method: str, path: str, body: Any) -> None:
    with pytest.raises((AssertionError, jsonschema.ValidationError)):
        check_request(method, path, body)


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [
        "tests/features/test_help.py",
        "tests/wire/test_command_sync.py::test_a_server_that_refuses_the_commands_ends_the_bot_with_a_remedy",
    ],
)
def test_without_the_document_tests_run_and_say_what_is_not_checked(test: str) -> None:
    run = (
        "import sys, pathlib, pytest, tests.contract as contract; contract.DOCUMENT = pathlib.Path('/nowhere.json'); "
        f"sys.exit(pytest.main(['-p', 'no:cacheprovider', {test!r}]))"
    )
    result = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", run], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
    assert "passed" in result.stdout
    assert "/nowhere.json is missing: no request is checked against Discord's contract" in result.stdout
