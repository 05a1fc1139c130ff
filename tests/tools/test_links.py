"""Links between the project's pages lead somewhere, and the check notices one that doesn't."""

from pathlib import Path

import pytest

from tools import links


def test_no_link_within_the_project_is_broken() -> None:
    assert len(links.pages()) > 20
    assert links.broken_links() == []


@pytest.mark.parametrize("link", ["nothing.md", "page.md#no-such-heading", "#nor-here", "../outside.md"])
def test_a_broken_link_is_reported(link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    (tmp_path / "outside.md").write_text("# Out of the project")
    (root / "docs" / "page.md").write_text("# A heading, and `code`\n[itself](#a-heading-and-code)\n")
    (root / "docs" / "other.md").write_text(
        f"[fine](page.md#a-heading-and-code) [away](https://example.org) [no]({link})"
    )
    monkeypatch.setattr(links, "ROOT", root)
    assert links.broken_links() == [f"docs/other.md: {link}"]


def test_links_in_code_are_no_links(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```md\n[example](nowhere.md)\n```\n[real](page.md)")
    assert list(links.links(page)) == ["page.md"]
