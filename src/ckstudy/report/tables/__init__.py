"""The tables of a study: what :mod:`ckstudy.analysis` finds, as CSV and Markdown with a caption.

A module for each table; what all of them share is in ``table`` (columns) and ``captions``.
"""

from ckstudy.report.tables.ablation import ablation_table
from ckstudy.report.tables.anatomy import cost_table, receptive_fields_table
from ckstudy.report.tables.baselines import baselines_table
from ckstudy.report.tables.claims import claims_table
from ckstudy.report.tables.dilated import dilated_table
from ckstudy.report.tables.explanations import explanations_table
from ckstudy.report.tables.failures import failures_table
from ckstudy.report.tables.full_grid import full_grid_table
from ckstudy.report.tables.imaging import detections_table, pairs_table, point_spread_table
from ckstudy.report.tables.instability import instability_table
from ckstudy.report.tables.kernel_size import kernel_size_table
from ckstudy.report.tables.long_kernels import long_kernels_table
from ckstudy.report.tables.noise import noise_table
from ckstudy.report.tables.noise_levels import noise_levels_table
from ckstudy.report.tables.omega_0 import omega_0_table
from ckstudy.report.tables.other_bubbles import other_bubbles_table
from ckstudy.report.tables.windows import windows_table

__all__ = [
    "ablation_table",
    "baselines_table",
    "claims_table",
    "cost_table",
    "detections_table",
    "dilated_table",
    "explanations_table",
    "failures_table",
    "full_grid_table",
    "instability_table",
    "kernel_size_table",
    "long_kernels_table",
    "noise_levels_table",
    "noise_table",
    "omega_0_table",
    "other_bubbles_table",
    "pairs_table",
    "point_spread_table",
    "receptive_fields_table",
    "windows_table",
]
