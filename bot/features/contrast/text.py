"""The figures of a contrast as text: a table of the tokens that moved, and a sentence for each divergence."""

import math

from bot.questions.contrast import Contrast, Mover
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage, table

_MOST_POWER = 99  # of ten in a factor


def movers_table(result: Contrast, most: int | None = None, columns: int | None = None) -> str:
    """Return the tokens that moved most: probability after a, after b, the factor between them, and the token."""
    rows = [
        (
            percentage(mover.probability_a),
            percentage(mover.probability_b),
            factor(mover),
            visible_token(mover.token.text),
        )
        for mover in result.movers[:most]
    ]
    return table(("after a", "after b", "", "token"), rows, right=(0, 1, 2), columns=columns)


def nothing_moved(result: Contrast) -> str:
    """Return why there is no token to show."""
    if result.js_bits == 0:
        return "No token moved: both distributions are the same."
    return "No token moved by more than rounding."


def figures(result: Contrast) -> list[tuple[str, str]]:
    """Return each divergence, and its name with what it means, on one line of an embed."""
    return [
        (bits(result.js_bits), "Jensen-Shannon: 0 is the same, 1 is no overlap"),
        (bits(result.kl_a_b_bits), "KL(a‖b): the cost of expecting b but reading a"),
        (bits(result.kl_b_a_bits), "KL(b‖a): the cost of expecting a but reading b"),
    ]


def bits(value: float) -> str:
    """Return ``0 bits``, ``<0.001 bits``, ``0.123 bits`` or ``12.3 bits``."""
    if value == 0:
        return "0 bits"
    if value < 0.001:
        return "<0.001 bits"
    return f"{value:.3f} bits" if value < 10 else f"{value:,.1f} bits"


def factor(mover: Mover) -> str:
    """Return how many times as probable a token is after b, such as ``×3.4``; ``÷3.4`` if it is less probable."""
    power = (mover.log_probability_b - mover.log_probability_a) / math.log(10)
    sign = "×" if power > 0 else "÷"
    power = abs(power)
    if power < math.log10(9.95):
        return f"{sign}{10**power:.1f}"
    if power < math.log10(999.5):
        return f"{sign}{10**power:.0f}"
    if power > _MOST_POWER:
        return f"{sign}>1e{_MOST_POWER}"
    mantissa, _, exponent = f"{10**power:.0e}".partition("e")
    return f"{sign}{mantissa}e{int(exponent)}"
