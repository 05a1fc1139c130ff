"""`make docs`: check the links between the project's pages, and list external links.

mkdocs checks the pages of the site; this also checks README, CONTRIBUTING and the other top-level pages. External
links are only listed, for a person to open: nothing is fetched.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^()\s]+)\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Print the external links. Exit with an error if an internal link is broken."""
    external = sorted({link for page in pages() for link in links(page) if is_external(link)})
    print("External links, not checked:", *external, sep="\n  ")
    if broken := broken_links():
        sys.exit("Broken links:\n  " + "\n  ".join(broken))


def pages() -> list[Path]:
    """Return every page of documentation in the project."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob(".github/*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def links(page: Path) -> Iterator[str]:
    """Yield the target of each link and picture on a page, except in code blocks."""
    for match in LINK.finditer(FENCED.sub("", page.read_text())):
        yield match[1] or match[2]


def is_external(link: str) -> bool:
    """Return whether a link is external."""
    return "://" in link or link.startswith("mailto:")


def broken_links() -> list[str]:
    """Return each internal link whose file or heading doesn't exist, with its page."""
    broken = []
    for page in pages():
        for link in links(page):
            if is_external(link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.is_relative_to(ROOT) or not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    return broken


def _anchors(page: Path) -> set[str]:
    """Return the anchors that both GitHub and mkdocs give to a page's headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    main()
