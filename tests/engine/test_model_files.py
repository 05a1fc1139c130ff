"""Finding a model in a folder, the cache or the hub: a fake hub on loopback, never the real one."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from bot.engine.model_files import DEMO_FOLDER, NEEDED, find_model
from bot.errors import ModelUnavailable
from tests.engine.gguf_files import write_gguf

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "somebody/demo"
SCRIPT = """
import sys
from bot.errors import ModelUnavailable
from bot.engine.model_files import find_model
try:
    model = find_model(sys.argv[1], revision=sys.argv[2] if len(sys.argv) > 2 else None)
except ModelUnavailable as error:
    sys.exit(str(error))
print(model.revision, *sorted(path.name for path in model.folder.iterdir()))
"""


class Hub(ThreadingHTTPServer):
    """Serves one repository as the hub does, and records the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.files = {path.name: path.read_bytes() for path in DEMO_FOLDER.iterdir() if path.is_file()}
        self.files |= {"pytorch_model.bin": b"pickle", "flax_model.msgpack": b"flax", "onnx/model.onnx": b"onnx"}
        self.requests: list[str] = []
        self.status: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class HubRequest(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        known = self.path.startswith((f"/api/models/{MODEL}", f"/{MODEL}/resolve/{COMMIT}/"))
        if self.server.status is not None:
            self.answer(self.server.status, b"{}")
        elif not known:
            self.answer(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif self.path.startswith("/api/") and "/revision/none" in self.path:
            self.answer(404, b'{"error": "Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
        elif "/tree/" in self.path:
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}  # noqa: S324  # git's
                for name, content in self.server.files.items()
            ]
            self.answer(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
        elif self.path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in self.server.files]
            info = {"id": MODEL, "modelId": MODEL, "sha": COMMIT, "siblings": siblings}
            self.answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
        else:
            content = self.server.files[unquote(self.path.removeprefix(f"/{MODEL}/resolve/{COMMIT}/"))]
            etag = hashlib.sha256(content).hexdigest()
            self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature is http.server's
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def find(endpoint: str, cache: Path, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run find_model in a process of its own, since huggingface_hub reads its address once, on import."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(  # noqa: S603  # our own interpreter and script
        [sys.executable, "-c", SCRIPT, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_only_needed_files_are_downloaded_and_the_cache_is_used_afterwards(hub: Hub, tmp_path: Path) -> None:
    first = find(hub.url, tmp_path, MODEL)
    assert first.returncode == 0, first.stderr
    revision, *files = first.stdout.split()
    assert revision == COMMIT
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= set(files)
    assert not any("bin" in path or "msgpack" in path or "onnx" in path for path in hub.requests)
    assert "%" in first.stderr  # a progress bar

    count = len(hub.requests)
    again = find(hub.url, tmp_path, MODEL)
    assert again.stdout == first.stdout
    assert len(hub.requests) == count


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["no/such"], "it was not found as a local folder, in the cache or on the hub"),
        ([MODEL, "none"], "the hub has no revision 'none'"),
        (["a/b/c"], "neither a local folder nor a model id"),
    ],
)
def test_a_model_that_the_hub_does_not_have_is_refused(
    hub: Hub, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    result = find(hub.url, tmp_path, *arguments)
    assert result.returncode == 1
    assert problem in result.stderr
    assert "Traceback" not in result.stderr


def test_a_repository_with_pickled_weights_alone_is_refused_before_anything_is_downloaded(
    hub: Hub, tmp_path: Path
) -> None:
    del hub.files["model.safetensors"]
    result = find(hub.url, tmp_path, MODEL)
    assert "pickled weights are not loaded" in result.stderr
    assert not any("resolve" in path for path in hub.requests)


def test_an_error_status_of_the_hub_is_named(hub: Hub, tmp_path: Path) -> None:
    hub.status = 418
    assert "the hub answered with status 418" in find(hub.url, tmp_path, MODEL).stderr


def test_an_unreachable_hub_is_given_up_within_ten_seconds(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
        assert_given_up(f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path)


@pytest.mark.slow
def test_a_hub_that_never_answers_is_given_up_within_ten_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert_given_up(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)


def assert_given_up(endpoint: str, cache: Path) -> None:
    # The promise is ten seconds; the rest is for starting an interpreter on a busy machine.
    result = find(endpoint, cache, "Qwen/Qwen2-0.5B", timeout=18)
    assert "it is not in the cache, and the hub is unreachable" in result.stderr
    assert "BOT_MODEL=demo" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_model_is_part_of_the_package() -> None:
    assert find_model("demo").folder == DEMO_FOLDER


def test_an_incomplete_cache_is_completed(hub: Hub, tmp_path: Path) -> None:
    assert find(hub.url, tmp_path, MODEL).returncode == 0
    (weights,) = tmp_path.rglob("model.safetensors")
    weights.unlink()
    assert find(hub.url, tmp_path, MODEL).returncode == 0
    assert weights.exists()


def test_the_error_says_what_to_try() -> None:
    with pytest.raises(ModelUnavailable, match=r"Try BOT_MODEL=demo or --model demo, a local folder, or set HF_TOKEN"):
        find_model("./no/such")


def test_one_gguf_file_of_a_repository_is_downloaded_and_the_cache_is_used_afterwards(hub: Hub, tmp_path: Path) -> None:
    write_gguf(tmp_path / "small.gguf")
    hub.files = {
        "README.md": b"#",
        "q4/small[1].gguf": (tmp_path / "small.gguf").read_bytes(),
        "q4/small1.gguf": b"?",
    }
    first = find(hub.url, tmp_path, f"{MODEL}/q4/small[1].gguf")
    assert first.stdout.split() == [COMMIT, "q4"], first.stderr
    assert [path for path in hub.requests if "resolve" in path and "small1.gguf" in path] == []

    count = len(hub.requests)
    assert find(hub.url, tmp_path, f"{MODEL}/q4/small[1].gguf").stdout == first.stdout
    assert len(hub.requests) == count


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (MODEL, "its weights are GGUF files: add the name of one to the model's name, such as /q4/small.gguf"),
        (f"{MODEL}/big.gguf", "the repository has no file big.gguf (it has q4/small.gguf, small.gguf)"),
        (f"{MODEL}:Q4_1", "neither a local folder nor a model id"),
        (f"{MODEL}:small.gguf", "a GGUF file on the hub is named owner/name/file.gguf"),
        ("no/such/small.gguf", "it was not found as a local folder, in the cache or on the hub"),
        (f"{MODEL}/small.gguf", "it doesn't begin with the letters GGUF"),
    ],
)
def test_the_refusal_of_a_hub_name_says_how_to_name_a_gguf_file(
    hub: Hub, tmp_path: Path, name: str, problem: str
) -> None:
    hub.files = {"README.md": b"#", "small.gguf": b"not a model", "q4/small.gguf": b"?"}
    result = find(hub.url, tmp_path, name)
    assert result.returncode == 1
    assert problem in result.stderr
    assert "Traceback" not in result.stderr


VOCABULARIES = [  # files named by transformers' tokenizer classes for text-generating models
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt",
    "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model", "spm.model", "spm_char.model", "source.spm",
    "target.spm",
    "target_vocab.json", "prophetnet.tokenizer", "tekken.json", "bpe.codes", "special_tokens_map.json",
    "added_tokens.json", "chat_template.jinja",
]  # fmt: skip


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_file_of_a_tokenizer_is_downloaded(name: str) -> None:
    assert any(fnmatch(name, pattern) for pattern in NEEDED)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "onnx/model.onnx", "rust_model.ot", "README.md", "modeling.py"])
def test_other_files_are_not_downloaded(name: str) -> None:
    assert not any(fnmatch(name, pattern) for pattern in NEEDED)
