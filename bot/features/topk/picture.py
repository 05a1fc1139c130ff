"""The picture of a walk: the probability of its candidates in one bar, and the path."""

from bot.questions.topk import Walk
from bot.rendering.pictures.candidates import candidates_picture
from bot.rendering.pictures.picture import Picture


def walk_picture(walk: Walk) -> Picture:
    """Draw the path and the candidates with their probabilities at temperature 1; only the path of an ended text."""
    return candidates_picture(walk.next_tokens, walk.steps, ended=walk.ended)
