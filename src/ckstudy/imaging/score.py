"""Detections in two dimensions against the truth: matched one to one inside a rectangle.

A detection may be matched with a bubble that is at most 100 µm away axially and 400 µm laterally.
With M the size of a maximum matching, F1 = 2 M / (detections + bubbles).
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree

TOLERANCE = (100e-6, 400e-6)
"""Axial and lateral, in m."""


class Counts2D(NamedTuple):
    """Of one frame, or of several added up."""

    pairs: int
    detections: int
    bubbles: int

    @property
    def f1(self) -> float:
        """1 where there was nothing and none was found."""
        both = self.detections + self.bubbles
        return 2 * self.pairs / both if both else 1.0

    @property
    def precision(self) -> float:
        """Share of the detections that are right."""
        return self.pairs / self.detections if self.detections else 1.0

    @property
    def recall(self) -> float:
        """Share of the bubbles that were found."""
        return self.pairs / self.bubbles if self.bubbles else 1.0


def match(
    bubbles: np.ndarray, detections: np.ndarray, tolerance: tuple[float, float] = TOLERANCE
) -> np.ndarray:
    """A maximum one-to-one matching.

    Parameters
    ----------
    bubbles, detections : (n, 2) and (m, 2) float64
        Axial and lateral positions in m.
    tolerance : (float, float)
        Largest axial and lateral distance of a pair in m.

    Returns
    -------
    (pairs, 2) int64
        Indices of bubble and detection.
    """
    if not len(bubbles) or not len(detections):
        return np.empty((0, 2), np.int64)
    near = cKDTree(bubbles / tolerance).query_ball_point(detections / tolerance, 1.0, p=np.inf)
    rows = np.repeat(np.arange(len(detections)), [len(each) for each in near])
    columns = np.array([bubble for each in near for bubble in each], np.int64)
    shape = (len(detections), len(bubbles))
    graph = csr_array((np.ones(rows.size, np.int8), (rows, columns)), shape=shape)
    partner = maximum_bipartite_matching(graph, perm_type="column")
    found = np.flatnonzero(partner >= 0)
    return np.stack([partner[found], found], axis=1).astype(np.int64)


def count(
    bubbles: np.ndarray, detections: np.ndarray, tolerance: tuple[float, float] = TOLERANCE
) -> Counts2D:
    """Pairs, detections and bubbles of one frame; parameters as of :func:`match`."""
    return Counts2D(len(match(bubbles, detections, tolerance)), len(detections), len(bubbles))


def total(counts: list[Counts2D]) -> Counts2D:
    """Of all frames together."""
    return Counts2D(*(sum(each) for each in zip(*counts, strict=True)))
