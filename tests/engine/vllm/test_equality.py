"""Every question over a server gives the numbers of plain transformers."""

from pathlib import Path

import pytest

from bot.engine.model_files import DEMO_FOLDER
from tests.engine.plain import plain_transformers
from tests.engine.vllm.conftest import Connect
from tests.engine.vllm.equality import TOLERANCE, Plain, equality_table
from tests.engine.vllm.fake_server import FakeVllm, serving


@pytest.mark.parametrize("name", ["demo", pytest.param("random Qwen2", marks=pytest.mark.slow)])
def test_every_question(name: str, connect: Connect, request: pytest.FixtureRequest) -> None:
    folder: Path = DEMO_FOLDER if name == "demo" else request.getfixturevalue("wide_qwen2_folder")
    with serving(FakeVllm(folder)) as server:
        rows = equality_table(connect(server.fake.url, folder), Plain(*plain_transformers(folder)))
    assert len(rows) == (20 if name == "demo" else 21)  # the demo model has no chat template
    assert [row for row in rows if not row.ids_agree or row.difference > TOLERANCE] == []
