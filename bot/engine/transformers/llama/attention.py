"""Attention of queries to keys and values, with several heads of queries for each head of keys (Ainslie 2023, "GQA").

A query can attend to several sets of columns, each computed on its own. Their results are combined as in "Online
normalizer calculation for softmax" (Milakov and Gimelshein 2018), by the logarithms of their sums of exponentials.
"""

import torch
from torch.nn import functional


def attend_to_own(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the attention of each token to itself and the tokens before it, and its log-sum [heads, groups, tokens].

    `queries` and the result are [heads, groups, tokens, head size], where a group of queries shares a head of keys.
    `keys` and `values` are [heads, tokens, head size].
    """
    return _attend(queries, keys, values, is_causal=True)


def attend_to_all(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the attention of each token to all columns of `keys`, as `attend_to_own`."""
    return _attend(queries, keys, values, is_causal=False)


def _attend(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *, is_causal: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    groups = queries.shape[1]
    wide_keys, wide_values = (states[:, None].expand(-1, groups, -1, -1) for states in (keys, values))
    # Operators behind scaled_dot_product_attention. They also return the log-sums.
    if queries.device.type == "cpu":
        result: tuple[torch.Tensor, torch.Tensor] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            queries, wide_keys, wide_values, 0.0, is_causal
        )
        return result
    attention, log_sums, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
        queries, wide_keys, wide_values, None, True, 0.0, is_causal
    )
    return attention, log_sums[..., : queries.shape[2]]  # its log-sums are padded to a multiple of 32


def add_attention(
    result: torch.Tensor, log_sums: torch.Tensor, more: torch.Tensor, more_log_sums: torch.Tensor
) -> torch.Tensor:
    """Combine, in `result`, the attention to two sets of columns. Return the log-sums over both."""
    share = torch.sigmoid(more_log_sums - log_sums)
    result.lerp_(more, share[..., None].to(result.dtype))
    return torch.logaddexp(log_sums, more_log_sums)


def attend_in_rows(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """Return the attention of one token per text to the columns of its row.

    `queries` and the result are [texts, heads, groups, head size]; `keys` and `values` [texts, heads, columns, head
    size]; `mask` [texts, 1, 1, columns] is added to the scores.
    """
    return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
