"""The picture of a contrast: each token's probability after b over its probability after a, and which tokens moved."""

import math
from collections.abc import Sequence

from bot.features.contrast.naming import MARK, Area, Places
from bot.features.contrast.text import bits, factor, nothing_moved
from bot.questions.contrast import Contrast, Density, Mover
from bot.rendering.pictures.canvas import BOLD, MARGIN, SMALLEST, TITLE, WIDTH, Canvas, Point
from bot.rendering.pictures.flow import box_text, end_of_prompt, quoted_token
from bot.rendering.pictures.palette import ACCENT, GRID, MUTED, density
from bot.rendering.pictures.picture import Picture, alt_list
from bot.rendering.pictures.plot import Plot
from bot.rendering.tables import percentage

MOST_NAMED = 8
_LEFT, _RIGHT = MARGIN + 100, WIDTH - MARGIN - 20
_TOP, _BOTTOM = 134, 440  # of the plot, in pixels
_TITLE, _ABOVE, _TICKS, _BELOW = 60, 112, 472, 518  # baselines of the texts above and below the plot
_HEIGHT = 540
_MOST_LINES = 7  # of the grid, in each direction
_NAME_ROOM = 190  # pixels for a token's name
_GAP = 4  # pixels around a name
_DIAGONAL_STEPS = 80
_PROMPT_END = 80  # characters of a prompt, more than fit
_ALT_END = 80  # characters of a prompt in the alt text


def contrast_picture(result: Contrast) -> Picture:
    """Draw the vocabulary as a shaded density on logarithmic axes, with the tokens that moved most marked and named.

    A token above the diagonal is more probable after b. The axes begin at the density's lowest probability, and tokens
    that are less probable are drawn there.
    """
    canvas = Canvas(_HEIGHT)
    canvas.text(MARGIN, _TITLE, _title(result), size=TITLE, weight=BOLD, room=WIDTH - 2 * MARGIN)
    plot = Plot(canvas, _LEFT, _TOP, _RIGHT, _BOTTOM, -result.density.lowest)
    _draw_grid(plot, result.density.lowest)
    _draw_density(plot, result.density)
    canvas.line([(plot.left, plot.bottom), (plot.right, plot.top)], MUTED, width=3)
    _draw_axes(plot, result)
    movers = result.movers[:MOST_NAMED]
    _draw_movers(plot, movers, [_point(plot, mover, result.density.lowest) for mover in movers])
    return canvas.picture(_alt(result))


def _title(result: Contrast) -> str:
    return "The same distribution" if result.js_bits == 0 else f"Jensen-Shannon {bits(result.js_bits)}"


def _draw_grid(plot: Plot, lowest: int) -> None:
    """Draw a line at each labelled power of ten, in both directions."""
    canvas, step = plot.canvas, math.ceil(-lowest / (_MOST_LINES - 1))
    powers = range(0, lowest - 1, -step)
    plot.grid([(power - lowest, _power_text(power)) for power in powers])
    for power in powers:
        x = round(plot.x(1 - power / lowest))
        canvas.line([(x, plot.top), (x, plot.bottom)], GRID)
        canvas.text(x, _TICKS, _power_text(power), size=SMALLEST, colour=MUTED, align="center")


def _power_text(power: int) -> str:
    """Return ``100%``, ``0.01%``, or ``10⁻⁴%`` for a power of ten as a percentage."""
    if power >= -4:
        return f"{10.0 ** (power + 2):g}%"
    return f"10⁻{str(-power - 2).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}%"


def _draw_density(plot: Plot, cells: Density) -> None:
    """Shade each cell by the logarithm of its number of tokens."""
    most = max((count for _, _, count in cells.cells), default=1)
    for column, row, count in cells.cells:
        left, right = (round(plot.x(step / cells.steps)) for step in (column, column + 1))
        bottom, top = (round(plot.y(step / cells.steps * plot.highest)) for step in (row, row + 1))
        share = math.log1p(count) / math.log1p(most)
        plot.canvas.rectangle(left, top, right - left, bottom - top, density(share))


def _draw_axes(plot: Plot, result: Contrast) -> None:
    """Name the axes after the prompts, and the grey area."""
    canvas = plot.canvas
    count = f"grey: all {result.density.token_count:,} tokens"
    right = canvas.text(plot.right, _ABOVE, count, size=SMALLEST, colour=MUTED, align="right").left
    room = right - MARGIN - 40
    canvas.text(MARGIN, _ABOVE, f"↑ {_prompt_text(canvas, 'b', result.b, room)}", size=SMALLEST, room=room + 40)
    room = plot.right - MARGIN - 40
    name = f"{_prompt_text(canvas, 'a', result.a, room)} →"
    canvas.text(plot.right, _BELOW, name, size=SMALLEST, align="right", room=room + 40)


def _prompt_text(canvas: Canvas, name: str, prompt: str, room: float) -> str:
    """Return the end of a prompt that fits in `room`."""
    most = _PROMPT_END
    while True:
        shown = f"after {name}: {end_of_prompt(prompt, most)}"
        if most == 1 or canvas.width_of(shown, size=SMALLEST) <= room:
            return shown
        most -= most // 8 or 1


def _point(plot: Plot, mover: Mover, lowest: int) -> Point:
    """Return where a token is. Probabilities below the axes are at their beginning."""
    x, y = (max(0.0, value / math.log(10) - lowest) for value in (mover.log_probability_a, mover.log_probability_b))
    return plot.x(x / plot.highest), plot.y(y)


def _draw_movers(plot: Plot, movers: Sequence[Mover], points: Sequence[Point]) -> None:
    """Mark each token and name it near its mark, above the diagonal to the left if possible, below it to the right."""
    canvas = plot.canvas
    bounds = Area(plot.left, plot.top, plot.right, plot.bottom)
    places = Places(bounds, points, _draw_corners(plot), _diagonal(plot))
    names = []
    for mover, point in zip(movers, points, strict=True):
        name = box_text(mover.token.text)
        above, below = canvas.height_of(name)
        width = min(_NAME_ROOM, canvas.width_of(name))
        to_left = mover.log_probability_b > mover.log_probability_a
        area = places.take(point, width + 2 * _GAP, above + below + 2 * _GAP, to_left=to_left)
        if area is not None:
            names.append((name, area.left + _GAP, area.bottom - _GAP - below))
            if math.dist(point, area.nearest(point)) > MARK:
                canvas.line([point, area.nearest(point)], MUTED)
    if points:
        canvas.marks(points, ACCENT, size=MARK)
    for name, left, baseline in names:
        canvas.text(left, baseline, name, room=_NAME_ROOM)


def _draw_corners(plot: Plot) -> list[Area]:
    """Say what the corners and the diagonal mean, and return where."""
    canvas = plot.canvas
    above = canvas.text(plot.left + 10, plot.top + 28, "more probable after b", size=SMALLEST, colour=MUTED)
    right, bottom = plot.right - 10, plot.bottom - 14
    below = canvas.text(right, bottom, "more probable after a", size=SMALLEST, colour=MUTED, align="right")
    share = 0.06
    same = canvas.text(plot.x(share) + 16, plot.y(share * plot.highest) + 8, "same", size=SMALLEST, colour=MUTED)
    return [Area(text.left, text.top, text.right, text.bottom) for text in (above, below, same)]


def _diagonal(plot: Plot) -> list[Area]:
    """Return what the diagonal takes."""
    shares = [step / _DIAGONAL_STEPS for step in range(_DIAGONAL_STEPS + 1)]
    middles = [(plot.x(share), plot.y(share * plot.highest)) for share in shares]
    return [Area(x - 3, y - 3, x + 3, y + 3) for x, y in middles]


def _alt(result: Contrast) -> str:
    end_a, end_b = end_of_prompt(result.a, _ALT_END), end_of_prompt(result.b, _ALT_END)
    beginning = (
        f"The probability of each of {result.density.token_count:,} tokens after two prompts, on logarithmic axes: a, "
        f"“{end_a}”, and b, “{end_b}”. Jensen-Shannon divergence {bits(result.js_bits)}, of at most 1; "
        f"KL(a‖b) {bits(result.kl_a_b_bits)}, KL(b‖a) {bits(result.kl_b_a_bits)}."
    )
    named = [
        f"{quoted_token(mover.token.text)} {percentage(mover.probability_a)} after a and "
        f"{percentage(mover.probability_b)} after b ({factor(mover)})"
        for mover in result.movers[:MOST_NAMED]
    ]
    if not named:
        return f"{beginning} {nothing_moved(result)}"
    return alt_list([beginning], "Moved most:", named)
