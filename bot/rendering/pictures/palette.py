"""The colours of all pictures: the same colour for the same meaning everywhere.

A picture brings its own background, the grey of Discord's dark embeds. On the dark theme it is part of the message, on
the light theme a dark card, as code blocks and players are; white would glare at the many who read in the dark.

All colours of meaning stand 4.5:1 or more against it, so that labels have the colour of what they name. They were
searched for the largest smallest difference between any two of them (0.13 in OKLab; 0.02 is just seen), with the eyes
of most people and with those who lack one kind of cone.
"""

BACKGROUND = "#2b2d31"
GRID = "#43464d"
TEXT = "#f2f3f5"
MUTED = "#b5bac1"  # text that may be overlooked
NEUTRAL = "#6d7687"  # what is counted and not judged; 3:1, enough for a bar and too little for a text

POSITIVE = "#4bb29d"
NEGATIVE = "#ffc135"  # also what is flagged: what sounds negative
URGENT = "#f9652f"
ACCENT = "#adc2fe"  # what the model chose
KEPT = ACCENT
PRUNED = NEUTRAL
THRESHOLD = TEXT

# From what the model expected to what surprised it. Equal steps look equal (OKLab), lightness rises throughout, and
# the lowest is all but the background.
_SEQUENTIAL = (
    "#383b55", "#623c81", "#933d8a", "#c0477f", "#e35b6a", "#fa7b53", "#fea457", "#ffca6f", "#fded91",
)  # fmt: skip
_LIGHT, _DARK = "#ffffff", "#000000"  # one of them has 4.5:1 against any colour, which softer ones have not


def sequential(share: float) -> str:
    """Return the colour for 0, the least, to 1, the most; what lies outside has the colour of the nearer end."""
    place = min(max(share, 0.0), 1.0) * (len(_SEQUENTIAL) - 1)
    below = min(int(place), len(_SEQUENTIAL) - 2)
    return _between(_SEQUENTIAL[below], _SEQUENTIAL[below + 1], place - below)


def diverging(share: float) -> str:
    """Return the colour for -1, all negative, to 1, all positive; 0 is all but the background."""
    return _between(GRID, POSITIVE if share > 0 else NEGATIVE, min(abs(share), 1.0))


def text_on(background: str) -> str:
    """Return white or black, whichever is better read on `background`; the contrast is 4.5:1 or more."""
    return max(_LIGHT, _DARK, key=lambda colour: contrast(colour, background))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21. WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _between(one: str, other: str, part: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
