"""The figures as a picture: tokens per second for 1, 8 and 16 simultaneous users, and reviews per second."""

import textwrap
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.figures import PEOPLE, System

COLOURS = {"Nightword": ("#5865f2", "#8891f6", "#b9bffa"), "others": ("#9a9a9a", "#c0c0c0", "#dcdcdc")}
SIZE = (9.0, 4.8)
CAPTION_WIDTH = 110  # characters


def draw(systems: list[System], caption: str, file: Path) -> None:
    """Write a PNG with a bar for each system and number of users."""
    picture = Figure(figsize=SIZE, layout="constrained")
    tokens, reviews = picture.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    rows = range(len(systems))
    height = 0.8 / len(PEOPLE)
    for bar, people in enumerate(PEOPLE):
        for row, system in zip(rows, systems, strict=True):
            # One request at a time, so the total speed doesn't depend on the number of users.
            speed = system.tokens_per_second.get(people, system.tokens_per_second[1])
            at = row + (bar - 1) * height
            tokens.barh(at, speed, height * 0.9, color=_colours(system)[2 - bar])
            tokens.text(speed, at, f" {speed:.0f}", va="center", fontsize=8)
    for row, system in zip(rows, systems, strict=True):
        reviews.barh(row, system.reviews_per_second, 0.5, color=_colours(system)[0])
        reviews.text(system.reviews_per_second, row, f" {system.reviews_per_second:.1f}", va="center", fontsize=8)
    tokens.set_yticks(list(rows), [system.name for system in systems])
    tokens.invert_yaxis()
    tokens.set_title("tokens a second: 1, 8 and 16 people at once", fontsize=10)
    reviews.set_title("reviews a second", fontsize=10)
    for axes in (tokens, reviews):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        axes.margins(x=0.12)
    picture.supxlabel("\n".join(textwrap.wrap(caption, CAPTION_WIDTH)), fontsize=8, color="#666666")
    picture.savefig(file, dpi=150)


def _colours(system: System) -> tuple[str, str, str]:
    return COLOURS["Nightword" if system.name.startswith("Nightword") else "others"]
