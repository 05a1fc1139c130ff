"""A diff as text: a table of the tokens or common parts, and a summary."""

from bot.questions.diff import Diff, Divergence, Part
from bot.questions.tokens import TokenProbability
from bot.questions.xray import Surprisals
from bot.rendering.escaping import visible_token
from bot.rendering.pictures.words import signed_text
from bot.rendering.tables import percentage, table

OTHER_FAVOURITE = "≠"  # marks a token in whose place the most probable tokens differ


def diff_text(diff: Diff) -> str:
    """Return the surprisals in bits side by side, the figures of the whole text, and where the models are apart."""
    parts = [diff_table(diff), diff_summary(diff)]
    if not diff.has_same_tokens:
        parts.insert(0, f"a  {_tokens_text(diff.a)}\n\nb  {_tokens_text(diff.b)}")
    return "\n\n".join(parts)


def diff_table(diff: Diff) -> str:
    """Return a row for each token, or for each part of the text on which different tokens are compared."""
    if diff.has_same_tokens:
        rows = [
            (*_bits_cells(part), _divergence_cell(part.divergence), _favourite_cell(part), visible_token(part.text))
            for part in diff.parts
        ]
        return table(("a", "b", "b−a", "KL", "", "token"), rows, right=(0, 1, 2, 3))
    rows = [
        (*_bits_cells(part), f"{len(part.tokens_a)}", f"{len(part.tokens_b)}", visible_token(part.text))
        for part in diff.parts
    ]
    return table(("a", "b", "b−a", "tokens a", "tokens b", "text"), rows, right=(0, 1, 2, 3, 4))


def diff_summary(diff: Diff) -> str:
    """Return perplexity and bits per character, the divergences, and where the models are apart first."""
    (bits_a, bits_b), measured = diff.bits_per_character, len(diff.measured)
    lines = [
        f"perplexity {_perplexity(diff.a)} and {_perplexity(diff.b)}, {bits_a:.3f} and {bits_b:.3f} bits per character"
    ]
    if not diff.has_same_tokens:
        lines[0] += f" of the {measured:,} parts that both measured"
        lines.append("perplexities of different tokens can't be compared; bits per character can")
    lines += _divergence_lines(diff)
    lines.append(apart_text(diff))
    return "\n".join(lines)


def apart_text(diff: Diff) -> str:
    """Return where the models are apart first, and why, as a clause."""
    position = diff.parts_at
    if position is None:
        return "they are nowhere apart by more than 0.1 bits" + (
            ", and the most probable tokens are the same" if diff.has_same_tokens else ""
        )
    part = diff.parts[position]
    reasons = []
    if "surprisal" in part.reasons:
        reasons.append(f"{part.bits_a:.2f} and {part.bits_b:.2f} bits")
    if part.has_other_favourite:
        reasons.append(f"a expected {_favourite_text(part.favourite_a)}, b {_favourite_text(part.favourite_b)}")
    return f"they part at #{position + 1} {visible_token(part.text)}: {'; '.join(reasons)}"


def _divergence_lines(diff: Diff) -> list[str]:
    mean, largest, position = diff.mean_divergence, diff.largest_divergence, diff.most_divergent()
    if mean is None or largest is None or position is None:
        return [f"no KL: {diff.no_divergence}"]
    return [
        f"KL(a‖b) {_precise(mean.a_b)} bits in the mean, {_precise(largest.a_b)} at most "
        f"(#{position + 1} {visible_token(diff.parts[position].text)})",
        f"KL(b‖a) {_precise(mean.b_a)} bits in the mean, {_precise(largest.b_a)} at most",
    ]


def _bits_cells(part: Part) -> tuple[str, str, str]:
    bits = tuple("–" if value is None else f"{value:.2f}" for value in (part.bits_a, part.bits_b))
    return bits[0], bits[1], _difference_cell(part.difference)


def _difference_cell(bits: float | None) -> str:
    if bits is None:
        return "–"
    text = signed_text(bits)
    return "0.00" if float(text[1:]) == 0 else text


def _divergence_cell(divergence: Divergence | None) -> str:
    return "–" if divergence is None else f"{divergence.a_b:.4f}"


def _favourite_cell(part: Part) -> str:
    return OTHER_FAVOURITE if part.has_other_favourite else ""


def _favourite_text(favourite: TokenProbability | None) -> str:
    return "" if favourite is None else f"{visible_token(favourite.token.text)} ({percentage(favourite.probability)})"


def _tokens_text(surprisals: Surprisals) -> str:
    return " ".join(visible_token(entry.token.text) for entry in surprisals.tokens)


def _perplexity(surprisals: Surprisals) -> str:
    return "over 1e+304" if surprisals.perplexity is None else f"{surprisals.perplexity:.2f}"


def _precise(bits: float) -> str:
    """Return bits with at least two digits that are not 0."""
    return f"{bits:.4f}" if bits >= 0.001 or not bits else f"{bits:.1e}"
