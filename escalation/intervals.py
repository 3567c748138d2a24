"""How far a share that was counted may be from the true one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.96  # of 95% intervals

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """So many of so many, with the bounds of its 95% interval after Wilson (1927)."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """From 0 to 1 when nothing was counted."""
        if not self.of:
            return 0.0, 1.0
        low, high = wilson(np.array(self.share), np.array(float(self.of)))
        return float(low), float(high)


def wilson(share: Numbers, of: Numbers) -> tuple[Numbers, Numbers]:
    """Bounds of the 95% interval of a share; `of` is above 0 and need not be a whole number."""
    scale = 1 + Z**2 / of
    middle = share + Z**2 / (2 * of)
    spread = Z * np.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    # Exactly 0 and 1 at the ends, where rounding would leave the share outside.
    low = np.where(share <= 0, 0.0, (middle - spread) / scale)
    high = np.where(share >= 1, 1.0, (middle + spread) / scale)
    return low, high
