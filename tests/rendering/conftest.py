"""Fixtures for pictures on machines with other fonts."""

from collections.abc import Iterator

import pytest
from matplotlib import font_manager

from tests.rendering.machine_fonts import forget_fonts


@pytest.fixture
def only_base(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with only matplotlib's own fonts."""
    own = [font for font in font_manager.fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    forget_fonts()
    yield
    forget_fonts()
