"""How alike two local climate zones are, for accuracies that forgive near misses.

Figure 3b of Bechtel, Demuzere and Stewart (2020, Remote Sensing 12, 1769, doi:10.3390/rs12111769). Similarities are
twelfths, printed there to two decimals; figures in publications rest on the printed ones, and so do ours.
"""

from __future__ import annotations

import numpy as np

_TWELFTHS = (
    "12 11 10  8  7  6  7  9  5  9  4  3  1  0  3  0  0",
    "11 12 11  7  8  7  8 10  5 10  5  4  3  1  4  1  1",
    "10 11 12  6  7  8  9 11  7 11  6  5  4  2  5  2  2",
    " 8  7  6 12 11 10  9  6  9  7  6  7  6  4  1  4  4",
    " 7  8  7 11 12 11 10  8 10  8  7  8  6  5  2  5  5",
    " 6  7  8 10 11 12 11  9 11  9  8  9  8  7  3  6  6",
    " 7  8  9  9 10 11 12  8 10  8  9  8  7  5  2  5  5",
    " 9 10 11  6  8  9  8 12  9 11  5  6  5  3  6  4  4",
    " 5  5  7  9 10 11 10  9 12  8  7  8  9  7  4  7  7",
    " 9 10 11  7  8  9  8 11  8 12  5  6  5  3  6  4  4",
    " 4  5  6  6  7  8  9  5  7  5 12 11 10  8  5  8  8",
    " 3  4  5  7  8  9  8  6  8  6 11 12 11  9  6  9  9",
    " 1  3  4  6  6  8  7  5  9  5 10 11 12 10  7 10 10",
    " 0  1  2  4  5  7  5  3  7  3  8  9 10 12  9 11 11",
    " 3  4  5  1  2  3  2  6  4  6  5  6  7  9 12  9  9",
    " 0  1  2  4  5  6  5  4  7  4  8  9 10 11  9 12 11",
    " 0  1  2  4  5  6  5  4  7  4  8  9 10 11  9 11 12",
)
SIMILARITY = np.round(np.array([row.split() for row in _TWELFTHS], dtype="float64") / 12, 2)
"""(17, 17) from 0 to 1, symmetric, 1 on the diagonal; zones 1 to 10, then A to G."""
