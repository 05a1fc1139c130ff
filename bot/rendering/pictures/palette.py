"""The colours of all pictures. Each colour has one meaning everywhere.

The background is the grey of Discord's dark embeds. On the dark theme the picture blends in, and on the light theme it
is a dark card, like a video player. A white background would glare for the many people who use the dark theme.

All colours with a meaning have a contrast of 4.5:1 or more against the background, so that labels can use them. They
maximize the smallest difference between any two of them (0.13 in OKLab, where 0.02 is just noticeable), for normal
vision and for people without one kind of cone.
"""

BACKGROUND = "#2b2d31"
GRID = "#43464d"
TEXT = "#f2f3f5"
MUTED = "#b5bac1"  # secondary text
NEUTRAL = "#6d7687"  # counts without a verdict; a contrast of 3:1 is enough for bars, not for text

POSITIVE = "#4bb29d"
NEGATIVE = "#ffc135"  # also for flagged cases
URGENT = "#f9652f"
ACCENT = "#adc2fe"  # the model's choice
KEPT = ACCENT
PRUNED = NEUTRAL
THRESHOLD = TEXT

# From expected to surprising. Equal steps look equal (OKLab), lightness always rises, and the first colour is nearly
# the background.
_SEQUENTIAL = (
    "#383b55", "#623c81", "#933d8a", "#c0477f", "#e35b6a", "#fa7b53", "#fea457", "#ffca6f", "#fded91",
)  # fmt: skip
_LIGHT, _DARK = "#ffffff", "#000000"  # one of them has 4.5:1 against any colour; greys don't


def sequential(share: float) -> str:
    """Return the colour for a share from 0 to 1. Values outside are clamped."""
    position = min(max(share, 0.0), 1.0) * (len(_SEQUENTIAL) - 1)
    below = min(int(position), len(_SEQUENTIAL) - 2)
    return _mix(_SEQUENTIAL[below], _SEQUENTIAL[below + 1], position - below)


def diverging(share: float) -> str:
    """Return the colour for a share from -1 (negative) to 1 (positive). 0 is nearly the background."""
    return _mix(GRID, POSITIVE if share > 0 else NEGATIVE, min(abs(share), 1.0))


def density(share: float) -> str:
    """Return the grey for a share of the largest count, from 0 to 1. Labels are legible on all of them."""
    return _mix(BACKGROUND, NEUTRAL, 0.2 + 0.6 * min(max(share, 0.0), 1.0))


def text_on(background: str) -> str:
    """Return white or black, whichever has more contrast with `background` (4.5:1 or more)."""
    return max(_LIGHT, _DARK, key=lambda colour: contrast(colour, background))


def contrast(colour: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21. WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((_luminance(colour), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(low_end: str, high_end: str, part: float) -> str:
    pairs = zip(_channels(low_end), _channels(high_end), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
