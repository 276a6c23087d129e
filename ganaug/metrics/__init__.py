"""Arrays to numbers, one file per metric.

`marginals` compares two columns, `association` two sets of columns, `manifold` (precision, recall, density,
coverage) and `energy` two clouds of points, `two_sample` asks a classifier to tell them apart, and `copies`
looks for rows that were taken over from the training rows; `frechet` holds what is measured on features of images.
Everything here works on matrices in a metric space that the caller chose; `ganaug.evaluate.fidelity` and
`image_fidelity` are what puts the rows of a table, and images, there.
"""

from __future__ import annotations

from ganaug.metrics.association import association_matrix, matrix_difference
from ganaug.metrics.copies import Copies, near_copies
from ganaug.metrics.energy import energy_distance
from ganaug.metrics.frechet import class_score, frechet_distance, kernel_distance
from ganaug.metrics.manifold import Manifold, precision_recall_density_coverage
from ganaug.metrics.marginals import kolmogorov_smirnov, total_variation
from ganaug.metrics.two_sample import two_sample_auc

__all__ = [
    "Copies",
    "Manifold",
    "association_matrix",
    "class_score",
    "energy_distance",
    "frechet_distance",
    "kernel_distance",
    "kolmogorov_smirnov",
    "matrix_difference",
    "near_copies",
    "precision_recall_density_coverage",
    "total_variation",
    "two_sample_auc",
]
