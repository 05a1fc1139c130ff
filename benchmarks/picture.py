"""The figures as a picture: tokens per second by the number of simultaneous users, and reviews per second."""

import textwrap
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.work import PEOPLE

COLOURS = {"Nightword": "#5865f2", "others": "#8a8a8a"}
FADED = (0.4, 0.6, 0.8, 1.0)  # opacity, from one user to many
ROW, WIDTH = 0.75, 9.5  # inches, for a system and in all
CAPTION_WIDTH = 110  # characters


def draw(systems: dict[str, dict[str, Any]], caption: str, file: Path) -> None:
    """Write a PNG with a bar for each system and number of users."""
    picture = Figure(figsize=(WIDTH, 1.2 + ROW * len(systems)), layout="constrained")
    tokens, reviews = picture.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    height = 0.84 / len(PEOPLE)
    for row, (name, figures) in enumerate(systems.items()):
        colour = COLOURS["Nightword" if name.startswith("Nightword") else "others"]
        by_people = figures["tokens_per_second"]["30"]
        # A system that answers one request at a time has one bar, in the middle.
        shown = [people for people in PEOPLE if str(people) in by_people]
        for bar, people in enumerate(shown):
            at = row + (bar - (len(shown) - 1) / 2) * height
            speed = by_people[str(people)]
            tokens.barh(at, speed, height * 0.9, color=colour, alpha=FADED[PEOPLE.index(people)])
            tokens.text(speed, at, f" {speed:.0f}", va="center", fontsize=7.5)
        reviews.barh(row, figures["reviews_per_second"], 0.4, color=colour)
        reviews.text(
            figures["reviews_per_second"], row, f" {figures['reviews_per_second']:.1f}", va="center", fontsize=8
        )
    tokens.set_yticks(range(len(systems)), list(systems))
    tokens.invert_yaxis()
    measured = [
        people for people in PEOPLE if any(str(people) in each["tokens_per_second"]["30"] for each in systems.values())
    ]
    tokens.set_title(f"tokens a second, from the top: {', '.join(map(str, measured))} people at once", fontsize=10)
    reviews.set_title("reviews a second", fontsize=10)
    for axes in (tokens, reviews):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        axes.margins(x=0.12)
    picture.supxlabel("\n".join(textwrap.wrap(caption, CAPTION_WIDTH)), fontsize=8, color="#666666")
    picture.savefig(file, dpi=150)
