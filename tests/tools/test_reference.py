"""The committed reference pages match the code."""

import re

import pytest
from pydantic import SecretStr

from bot.app.metrics import Metrics
from bot.questions.options import OPTIONS
from bot.settings import Settings, variable_name
from tools.reference import FOLDER, pages, settings_page


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return {file.name: page for file, page in pages().items()}


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "metrics.md", "terminal.md"])
def test_a_page_is_up_to_date(generated: dict[str, str], name: str) -> None:
    assert (FOLDER / name).read_text() == generated[name], f"docs/reference/{name} is stale: run `make reference`"


def test_the_settings_have_their_defaults(generated: dict[str, str]) -> None:
    sections = re.findall(r"^## ([A-Z_]+)$(.*?)(?=^## )", generated["settings.md"], re.MULTILINE | re.DOTALL)
    assert [variable for variable, _ in sections] == [variable_name(name) for name in Settings.model_fields]
    said = dict(sections)
    for name, default in Settings().model_dump().items():
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        if shown not in (None, ()):
            stated = f"{shown}".lower() if isinstance(shown, bool) else f"{shown}".removesuffix(".0")
            assert f"- Default: `{stated}`\n" in said[variable_name(name)]


def test_a_setting_without_an_entry_in_the_form_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        settings_page("# The bot's token.\nDISCORD_TOKEN=\n")


def test_every_command_and_option_is_listed(generated: dict[str, str]) -> None:
    page = generated["commands.md"]
    assert {"/topk", "/guess", "/review watch", "/privacy optout"} <= set(re.findall(r"^### (.+)$", page, re.MULTILINE))
    assert "| **`prompt`** | text, 1 to 6,000 characters |  |" in page
    assert "| `k` | integer, 1 to 25 | `10` |" in page
    assert "- *Score sentiment*" in page


def test_every_metric_is_listed_with_its_labels(generated: dict[str, str]) -> None:
    page = generated["metrics.md"]
    listed = set(re.findall(r"^\| `(nightword_[a-z_]+)` \|", page, re.MULTILINE))
    families = [family for family in Metrics().registry.collect() if family.name.startswith("nightword_")]
    assert listed | {"nightword_build"} == {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }
    assert "| `nightword_interactions_total` | counter | `command`, `outcome` | " in page


def test_every_terminal_command_is_listed(generated: dict[str, str]) -> None:
    page = generated["terminal.md"]
    listed = re.findall(r"^## nightword (.+)$", page, re.MULTILINE)
    assert listed[:6] == ["run", "doctor", "health", "backup", "playground", "bench"]
    assert listed[6:] == sorted(set(OPTIONS) - {"guess", "model", "help"})  # these have no terminal command
    assert "| `--num-beams N` | beam only: how many beams the search keeps at each step (2 to 10, default 5) |" in page
