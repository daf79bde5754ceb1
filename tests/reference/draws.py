"""The counter-based generator in whole numbers of any size: Philox4x32-10 of Salmon et al. (2011), figure 2."""

from __future__ import annotations

from collections.abc import Sequence


def philox(key: Sequence[int], counter: Sequence[int]) -> list[int]:
    """Ten rounds on four words of 32 bits."""
    key, counter = list(key), list(counter)
    for _ in range(10):
        (high0, low0), (high1, low1) = divmod(0xD2511F53 * counter[0], 2**32), divmod(0xCD9E8D57 * counter[2], 2**32)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter
