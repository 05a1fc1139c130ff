"""`--png FILE` writes the picture that Discord shows, whole or not at all, and doesn't change the output."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.engine.model import EngineModel
from bot.features.comparison.picture import beam_tree_picture
from bot.features.continuation.picture import continuation_picture
from bot.features.contrast.picture import contrast_picture
from bot.features.layers.picture import layers_picture
from bot.features.sampler.picture import stages_picture
from bot.features.sentiment.picture import evidence_picture
from bot.features.tokenization.picture import token_borders_picture
from bot.features.topk.picture import walk_picture
from bot.features.why.picture import why_picture
from bot.features.xray.picture import xray_picture
from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.layers import LayersQuestion
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.rendering.pictures.picture import Picture
from tests.console import PROMPT, Console, assert_same_json, without_receipt

Draw = Callable[[EngineModel], Picture | None]
CONTINUATION = ContinuationQuestion(PROMPT, GenerationParameters.from_options())
BROKEN = "\n".join(["one", "two"]) + " ünë 你好"


def topk(model: EngineModel) -> Picture:
    return walk_picture(model.answer(TopKQuestion(PROMPT, 30)))


COMMANDS: list[tuple[list[str], Draw]] = [
    (["xray", BROKEN], lambda model: xray_picture(model.answer(XrayQuestion(BROKEN)))),
    (
        ["compare", PROMPT, "--max-new-tokens", "4", "--seed", "1"],
        lambda model: beam_tree_picture(model.answer(ComparisonQuestion(PROMPT, 4, 1, 5, 1.3))),
    ),
    (
        ["sampler", PROMPT, "--top-k", "9"],
        lambda model: stages_picture(model.answer(SamplerQuestion(PROMPT, 0.8, 9, 0.95, 1))),
    ),
    (["layers", PROMPT], lambda model: layers_picture(model.answer(LayersQuestion(PROMPT, 6)))),
    (
        ["contrast", PROMPT, BROKEN],
        lambda model: contrast_picture(model.answer(ContrastQuestion(PROMPT, BROKEN))),
    ),
    (["continue", PROMPT], lambda model: continuation_picture(model.answer(CONTINUATION))),
    (["topk", PROMPT, "-k", "30"], topk),
    (["tokenize", BROKEN], lambda model: token_borders_picture(model.answer(TokenizationQuestion(BROKEN))[0])),
    (
        ["sentiment", "Not bad.", "--explain"],
        lambda model: evidence_picture(model.answer(EvidenceQuestion("Not bad."))),
    ),
    (["why", BROKEN], lambda model: why_picture(model.answer(WhyQuestion(BROKEN)))),
]


@pytest.mark.parametrize(("command", "draw"), COMMANDS, ids=[command[0] for command, _ in COMMANDS])
def test_the_picture_equals_discord_s_and_the_output_stays_the_same(
    console: Console, demo_model: EngineModel, tmp_path: Path, command: list[str], draw: Draw
) -> None:
    picture = draw(demo_model)
    assert picture is not None
    without = console.json(*command)
    assert_same_json(console.json(*command, "--png", "out.png"), without)
    assert without_receipt(tmp_path / "out.png") == picture.png
    out, err = console.run(*command, "--png", "table.PNG", "--model", "demo")
    assert (bool(out), err) == (True, "")
    assert without_receipt(tmp_path / "table.PNG") == picture.png
    assert {file.name for file in tmp_path.iterdir()} == {"out.png", "table.PNG"}


def test_an_existing_file_is_replaced_and_a_link_stays_a_link(console: Console, tmp_path: Path) -> None:
    (tmp_path / "real.png").write_text("an earlier picture")
    (tmp_path / "link.png").symlink_to("real.png")
    console.run("tokenize", "x", "--png", "link.png", "--model", "demo")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_or_a_circular_link_is_refused(console: Console, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "circle.png").symlink_to("circle.png")
    assert "folder.png cannot be written: Is a directory." in console.error("xray", "x", "--png", "folder.png", code=2)
    assert "circle.png cannot be written: " in console.error("xray", "x", "--png", "circle.png", code=2)


def test_a_full_disk_keeps_the_earlier_picture(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def half(file: Path, content: bytes) -> int:
        with file.open("wb") as opened:
            opened.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "out.png").write_text("an earlier picture")
    monkeypatch.setattr(Path, "write_bytes", half)
    out, err = console.run("tokenize", "x", "--png", "out.png", "--model", "demo", code=1)
    assert out.startswith("#")  # the answer is printed all the same
    assert err == f"nightword: The picture {tmp_path / 'out.png'} could not be written: No space left on device.\n"
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_text() == "an earlier picture"
