"""The explorer's results as tables in plain characters."""

from bot.questions.comparison import Comparison
from bot.questions.sampler import CutToken, SamplerStage, SamplerStages
from bot.questions.sentiment import SentimentEvidence
from bot.questions.topk import Walk
from bot.questions.xray import Surprisals
from bot.rendering.escaping import visible_text, visible_token
from bot.rendering.tables import next_tokens_table, percentage, table


def candidates_table(walk: Walk, columns: int | None = None) -> str:
    """Return what can come next on a walk, and at a temperature other than 1 the probabilities there beside the own."""
    if walk.temperature == 1.0:
        return next_tokens_table(walk.next_tokens, columns)
    rows = [
        (
            str(one.candidate.rank),
            percentage(one.candidate.probability),
            percentage(one.probability_at_temperature),
            visible_token(one.candidate.token.text),
        )
        for one in walk.candidates
    ]
    others = max(0.0, 1.0 - sum(one.probability_at_temperature for one in walk.candidates))
    rows.append(("", percentage(walk.remainder), percentage(others), "all others"))
    return table(("#", "prob.", "at T", "token"), rows, right=(0, 1, 2), columns=columns)


def path_table(walk: Walk) -> str:
    """Return the steps of a walk with their ranks and probabilities, and the path's joint one."""
    rows = [
        (f"{step.likelihood.rank:,}", percentage(step.likelihood.probability), visible_token(step.token.text))
        for step in walk.steps
    ]
    joint = f"log-probability of the path {walk.log_probability:.3f}"
    return f"{table(('rank', 'prob.', 'path'), rows, right=(0, 1))}\n{joint}"


def surprisals_table(result: Surprisals, columns: int | None = None) -> str:
    """Return each token with its rank, its surprisal in bits and its probability, "–" for the first."""
    rows = []
    for one in result.tokens:
        found = one.likelihood
        cells = ("–", "–", "–") if found is None else _likelihood(found.rank, found.surprisal, found.probability)
        rows.append((*cells, visible_token(one.token.text)))
    return table(("rank", "bits", "prob.", "token"), rows, right=(0, 1, 2), columns=columns)


def surprisals_summary(result: Surprisals) -> str:
    """Return perplexity and bits per character, and what surprised most with the model's favourite in its place."""
    perplexity = "over 1e+304" if result.perplexity is None else f"{result.perplexity:.2f}"
    aside = ", special tokens not counted" if any(one.is_special for one in result.tokens[1:]) else ""
    lines = [f"perplexity {perplexity}, {result.bits_per_character:.2f} bits per character{aside}"]
    for position in result.most_surprising():
        one = result.tokens[position]
        favourite = one.favourites[0]
        if one.likelihood is not None and one.likelihood.rank > 1:
            expected = f"{visible_token(favourite.token.text)} ({percentage(favourite.probability)})"
            lines.append(
                f"#{position + 1} {visible_token(one.token.text)}: {one.likelihood.surprisal:.1f} bits, "
                f"rank {one.likelihood.rank:,}; expected {expected}"
            )
    return "\n".join(lines)


def comparison_table(result: Comparison) -> str:
    """Return each text's scores, natural logarithms, and then the texts."""
    rows = [
        (
            f"{one.log_probability:.3f}",
            f"{one.mean_log_probability:.3f}",
            "–" if one.search_score is None else f"{one.search_score:.3f}",
            str(len(one.continuation.output_ids)),
            f"{one.distinct_share:.0%}",
            one.name,
        )
        for one in result.texts
    ]
    header = ("log-prob.", "mean", "search", "tokens", "distinct", "strategy")
    texts = [f"{one.name}\n{visible_text(result.prompt + one.continuation.text)}" for one in result.texts]
    seeds = [one.continuation.parameters.seed for one in result.texts if one.continuation.parameters.seed is not None]
    return "\n\n".join([table(header, rows, right=range(5)), *texts, f"seed={seeds[0]}"])


def stages_table(result: SamplerStages) -> str:
    """Return what each stage left and cut, and why; tokens that are not among the first any more have "–" after it."""
    rows = [(f"{result.before.tokens_left:,}", f"{result.before.entropy:.2f}", "–", "before")]
    rows += [
        (
            f"{stage.after.tokens_left:,}",
            f"{stage.after.entropy:.2f}",
            percentage(stage.mass_cut),
            f"{stage.name} {stage.value:g}" if stage.is_on else f"{stage.name} off",
        )
        for stage in result.stages
    ]
    parts = [table(("tokens", "entropy", "cut", "stage"), rows, right=(0, 1, 2))]
    after = {one.token.id: percentage(one.probability) for one in result.stages[-1].after.top}
    first = [
        (percentage(one.probability), after.get(one.token.id, "–"), visible_token(one.token.text))
        for one in result.before.top
    ]
    parts.append(table(("before", "after", "token"), first, right=(0, 1)))
    parts += [
        "\n".join([f"{stage.name} cut", *(cut_reason(stage, one) for one in stage.cut[:3])])
        for stage in result.stages
        if stage.cut
    ]
    return "\n\n".join(parts)


def words_table(result: SentimentEvidence) -> str:
    """Return each word of a review, in its order, with what leaving it out takes from the margin between the labels."""
    rows = [(f"{one.effect:+.2f}", visible_token(one.text)) for one in result.words]
    together = "" if result.words_together == 1 else f" ({result.words_together} words at a time)"
    header = ("effect", f"left out{together}: above 0 it speaks for positive, below for negative")
    return table(header, [*rows, (f"{result.margin:+.2f}", "margin of the whole review")], right=(0,))


def calibration_table(result: SentimentEvidence) -> str:
    """Return the raw verdict, the calibrated one, and the leaning of the question alone that calibration takes out."""
    raw, calibrated = result.sentiment, result.calibration
    rows = [
        (percentage(raw.positive_probability), raw.label, "raw, the verdict"),
        (percentage(calibrated.positive_probability), calibrated.label, "calibrated"),
        (percentage(calibrated.content_free_positive), "", "reviews that say nothing"),
    ]
    return table(("P(positive)", "label", ""), rows, right=(0,))


def cut_reason(stage: SamplerStage, one: CutToken) -> str:
    """Return why a stage cut a token."""
    shown = f"{visible_token(one.token.text)} ({percentage(one.probability)})"
    if stage.name == "top_k":
        return f"{shown}: rank {one.rank:,}, beyond top_k {stage.value:g}"
    before = f"{one.rank - 1:,} more probable ones have" if one.rank > 2 else "the more probable one has"
    return f"{shown}: {before} {percentage(one.probability_before)}, enough for top_p {stage.value:g}"


def _likelihood(rank: int, surprisal: float, probability: float) -> tuple[str, str, str]:
    return f"{rank:,}", f"{surprisal:.2f}", percentage(probability)
