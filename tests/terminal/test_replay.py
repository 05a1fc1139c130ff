"""`nightword replay`: a receipt, in a picture or as JSON, is computed again; nothing else is loaded or believed."""

import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.receipts.picture import RECEIPT_LIMIT, find_receipt, put_receipt
from bot.rendering.pictures.canvas import Canvas
from bot.terminal import console as terminal_io
from tests.console import PROMPT, Console

PICTURES = [
    ["topk", PROMPT, "-k", "5"],
    ["xray", PROMPT],
    ["compare", PROMPT, "--max-new-tokens", "4", "--seed", "1"],
    ["sampler", PROMPT],
    ["layers", PROMPT],
    ["contrast", PROMPT, "It was a bright"],
    ["why", PROMPT],
    ["tokenize", PROMPT, "--compare-with", "night"],
    ["sentiment", "I laughed all the way home.", "--explain"],
    ["decide", "I laughed all the way home.", "--preset", "sentiment-short", "--explain"],
]


def receipt_in(file: str = "out.png") -> dict[str, Any]:
    """Return the receipt in a picture of the current folder."""
    receipt: dict[str, Any] = json.loads(find_receipt(Path(file).read_bytes()) or "")
    return receipt


def write(receipt: dict[str, Any]) -> str:
    Path("receipt.json").write_text(json.dumps(receipt))
    return "receipt.json"


@pytest.mark.parametrize("command", PICTURES, ids=[command[0] for command in PICTURES])
def test_every_picture_of_a_terminal_is_replayed(console: Console, command: list[str]) -> None:
    console.run(*command, "--png", "out.png", "--model", "demo")
    out, err = console.run("replay", "out.png", "--model", "demo")
    assert err == ""
    asked, _, identical = out.partition("\n\n")
    assert asked.startswith(receipt_in()["command"])
    assert identical.startswith("identical: ")
    assert identical.splitlines()[-1].startswith("demo · float32 · ")
    again, _ = console.run("replay", write(receipt_in()), "--model", "demo")
    assert again.splitlines()[: asked.count("\n") + 3] == [*asked.splitlines(), "", identical.splitlines()[0]]


def test_the_json_says_what_was_asked_and_what_differs(console: Console) -> None:
    console.run("topk", PROMPT, "-k", "5", "--png", "out.png", "--model", "demo")
    receipt = receipt_in()
    replayed = console.json("replay", "out.png")
    assert replayed["asked"] == {"command": "topk", "options": receipt["options"]}
    assert (replayed["identical"], replayed["difference"]) == (True, None)
    assert replayed["model"]["name"] == "demo"
    changed = receipt | {
        "outputs": [[1, *receipt["outputs"][0][1:]]],
        "versions": receipt["versions"] | {"torch": "1.0"},
    }
    out, _ = console.run("replay", write(changed), "--model", "demo", "--json", code=1)
    different = json.loads(out)
    first = receipt["outputs"][0][0]
    assert different["identical"] is False
    assert different["difference"] == {"kind": "output id", "position": 0, "then": 1, "now": first}
    assert different["changed"]["torch"] == {"then": "1.0", "now": receipt["versions"]["torch"]}
    shown, _ = console.run("replay", "receipt.json", "--model", "demo", code=1)
    assert f"different: the first difference is at output id 1: 1 then, {first} now\n" in shown
    assert f"changed since then: torch 1.0 → {receipt['versions']['torch']}" in shown


def test_a_receipt_can_come_from_a_pipe(console: Console) -> None:
    console.run("xray", PROMPT, "--png", "out.png", "--model", "demo")
    png = Path("out.png").read_bytes()
    for content in (png, (find_receipt(png) or "").encode(), b"\xef\xbb\xbf" + (find_receipt(png) or "").encode()):
        assert "identical: " in console.run("replay", "-", "--model", "demo", stdin=content)[0]


def test_another_dtype_is_compared_and_named(console: Console) -> None:
    console.run("xray", PROMPT, "--png", "out.png", "--model", "demo")
    receipt = receipt_in()
    other = receipt | {"model": receipt["model"] | {"dtype": "bfloat16", "engine": "vllm"}}
    out, _ = console.run("replay", write(other), "--model", "demo")
    assert "computed in bfloat16 on cpu" in out
    assert "another engine rounds differently and draws other texts from the same seed" in out
    other["model"]["engine"] = "transformers"
    out, _ = console.run("replay", write(other), "--model", "demo")
    assert "another dtype rounds differently; --dtype bfloat16 uses the same one" in out


class TestWhatIsRefused:
    @pytest.fixture(autouse=True)
    def loaded(self, monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel) -> list[str]:
        """Return the models that were loaded."""
        loaded: list[str] = []

        def load(settings: Any) -> EngineModel:
            loaded.append(settings.model)
            return demo_model

        monkeypatch.setattr(terminal_io, "load_language_model", load)
        return loaded

    def test_a_model_that_only_the_receipt_names_is_never_loaded(
        self, console: Console, loaded: list[str], tmp_path: Path
    ) -> None:
        folder = shutil.copytree(DEMO_FOLDER, tmp_path / "another")
        console.run("xray", PROMPT, "--png", "out.png", "--model", "demo")
        loaded.clear()
        receipt = receipt_in()
        for name, revision, remedy in (
            ("evil/model", "0" * 40, "Add --model evil/model."),
            ("a; rm -rf", "0" * 40, "Add --model 'a; rm -rf'."),
            ("../../models", None, "Add --model with the path of ../../models."),
            ("\x1b[31mred\u202e", None, r"Add --model with the path of \u001b[31mred\u202e."),
        ):
            other = receipt | {"model": receipt["model"] | {"name": name, "revision": revision}}
            err = console.error("replay", write(other), "--model", "demo", code=2)
            assert err.endswith(f", but the configured model is demo. {remedy}\n")
        assert console.error("replay", "out.png", "--model", str(folder), code=2) == (
            "nightword: This receipt is from the model demo, but the configured model is another. Add --model demo.\n"
        )
        assert loaded == []

    def test_another_revision_or_quantization_is_named(self, console: Console) -> None:
        console.run("xray", PROMPT, "--png", "out.png", "--model", "demo")
        receipt = receipt_in()
        other = receipt | {"model": receipt["model"] | {"revision": "abc"}}
        assert console.error("replay", write(other), "--model", "demo", code=2) == (
            "nightword: This receipt is from demo in revision abc, but the loaded one is revision none, as a local "
            "folder. Set BOT_MODEL_REVISION=abc.\n"
        )
        other = receipt | {"model": receipt["model"] | {"quantization": "Q4_1"}}
        assert "with weights in Q4_1" in console.error("replay", write(other), "--model", "demo", code=2)

    def test_a_file_without_a_usable_receipt(self, console: Console, loaded: list[str]) -> None:
        canvas = Canvas(100)
        canvas.text(10, 50, "a picture")
        png = canvas.picture("a picture").png
        bomb = zlib.compress(bytes(RECEIPT_LIMIT + 1), 9)
        data = b"nightword\0\1\0\0\0" + bomb
        bomb_chunk = len(data).to_bytes(4) + b"iTXt" + data + zlib.crc32(b"iTXt" + data).to_bytes(4)
        whole = put_receipt(png, "{}")
        contents = {
            "bare.png": (png, "bare.png has no receipt. On Discord, open the picture in the browser and save it there"),
            "bomb.png": (png[:33] + bomb_chunk + png[33:], "can't be read: this picture's text is damaged or has over"),
            "cut.png": (whole[:-20], "can't be read: this PNG file is not complete."),
            "wrong.png": (whole.replace(b"nightword", b"nightwork"), "can't be read: this PNG file is damaged."),
            "empty.png": (whole, "can't be read: this file is not a receipt."),
            "two.png": (put_receipt(whole, "{}"), "can't be read: this picture has 2 texts nightword."),
            "text.json": (b"hello", "text.json is not a receipt. Give a picture made by Nightword"),
            "bytes.json": (b"\xff\xfe\x00", "bytes.json is not a receipt."),
            "nothing.json": (b"", "nothing.json is not a receipt."),
            "long.json": (b"[" * (RECEIPT_LIMIT + 1), "isn't a PNG picture, and is too large for a receipt"),
            "huge.png": (
                b"\x89PNG\r\n\x1a\n" + bytes(33 * 1024 * 1024),
                "huge.png is too large: it has over 33,554,432",
            ),
        }
        for name, (content, problem) in contents.items():
            Path(name).write_bytes(content)
            assert problem in console.error("replay", name, "--model", "demo", code=2)
        assert "missing.png cannot be read: No such file or directory." in console.error(
            "replay", "missing.png", code=2
        )
        assert loaded == []


def test_a_prompt_cannot_write_to_the_terminal_as_it_likes(console: Console) -> None:
    prompt = "red \x1b[31m\u202e\nidentical: everything\r\nx" + "a" * 300
    console.run("xray", prompt, "--png", "out.png", "--model", "demo")
    out, _ = console.run("replay", "out.png", "--model", "demo")
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert [line for line in out.splitlines() if line.startswith("identical")] == [out.splitlines()[3]]
    assert out.splitlines()[1].startswith(r"text: red \u001b[31m\u202e↵identical: everything↵xaaa")
    assert len(out.splitlines()[1]) < 250
