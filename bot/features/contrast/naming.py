"""Places for names beside marks on a plot, so that no name covers another name, a mark or a line."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.rendering.pictures.canvas import Point

MARK = 14  # diameter of a mark, in pixels
_DIRECTIONS = 16
_DISTANCES = range(MARK // 2 + 6, 480, 10)  # from the middle of a mark to its name
_LINE = 3  # half the width of what a line takes
_STEP = 8  # pixels between two points of a line
_CROSSING, _ON_LINE = 300, 40  # pixels that a name is moved away for, not to cross a name or be on a line


class Area(NamedTuple):
    """A rectangle in pixels, from the top left."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Area") -> bool:
        """Return whether the areas have a point in common."""
        is_across = self.left < other.right and other.left < self.right
        return is_across and self.top < other.bottom and other.top < self.bottom

    def contains(self, other: "Area") -> bool:
        """Return whether the whole of `other` is in this area."""
        is_across = self.left <= other.left and other.right <= self.right
        return is_across and self.top <= other.top and other.bottom <= self.bottom

    def nearest(self, point: Point) -> Point:
        """Return the point of this area that is nearest to `point`."""
        x, y = point
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


class Places:
    """The free places in `bounds`. `texts` are areas that are taken, and each of `marks` takes its own.

    A name is on `line`, the areas of a line that means something, only if it would be far away otherwise.
    """

    def __init__(self, bounds: Area, marks: Iterable[Point], texts: Iterable[Area], line: Iterable[Area]) -> None:
        self._bounds = bounds
        self._taken = [*texts, *(_around(mark, MARK / 2 + 2) for mark in marks)]
        self._line = list(line)

    def take(self, mark: Point, width: float, height: float, *, to_left: bool) -> Area | None:
        """Take a place of this size near `mark`, and the line from there to the mark. Return None if nothing is free.

        Of equally good places, the one to the left or right of the mark is taken.
        """
        best, least = None, math.inf
        for distance in _DISTANCES:
            if distance >= least:  # all further places are worse
                break
            for area in _areas_around(mark, width, height, distance, to_left=to_left):
                if self._bounds.contains(area) and not _meets(area, self._taken):
                    cost = distance + self._detour(area, mark)
                    if cost < least:
                        best, least = area, cost
        if best is not None:
            self._taken += [best, *_line(mark, best.nearest(mark))]
        return best

    def _detour(self, area: Area, mark: Point) -> int:
        """Return how many pixels further away a place can be that avoids what this one meets."""
        crosses = any(_meets(part, self._taken) for part in _line(mark, area.nearest(mark)))
        return _CROSSING * crosses + _ON_LINE * _meets(area, self._line)


def _meets(area: Area, others: Iterable[Area]) -> bool:
    return any(map(area.overlaps, others))


def _areas_around(mark: Point, width: float, height: float, distance: float, *, to_left: bool) -> Iterator[Area]:
    """Yield the places at this distance from the middle of a mark, beginning at the left or right."""
    for turn in sorted(range(_DIRECTIONS), key=lambda turn: min(turn, _DIRECTIONS - turn)):
        angle = turn * 2 * math.pi / _DIRECTIONS + (math.pi if to_left else 0)
        x = mark[0] + math.cos(angle) * (distance + width / 2)
        y = mark[1] - math.sin(angle) * (distance + height / 2)
        yield Area(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _line(mark: Point, end: Point) -> list[Area]:
    """Return what a line takes, from outside its mark up to its end."""
    length = math.dist(mark, end)
    shares = [passed / length for passed in range(MARK + 4, math.ceil(length), _STEP)]
    (x, y), (to_x, to_y) = mark, end
    return [_around((x + (to_x - x) * share, y + (to_y - y) * share), _LINE) for share in shares]


def _around(point: Point, distance: float) -> Area:
    x, y = point
    return Area(x - distance, y - distance, x + distance, y + distance)
