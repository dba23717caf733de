"""Images of an array's frames: point spread, pairs told apart, bubbles found."""

import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.table import Column, Table, image_of, number, short, tabulate

CONDITION = ["bubbles", "noise_percent", "pressure_kpa"]


def _micrometres(value: float) -> str:
    """Whole micrometres, and no minus before a zero."""
    return number("{:.0f}")(value if abs(value) >= 0.5 else abs(value))


_score = number("{:.3f}")


def point_spread_table(results: Results) -> Table:
    """Width and place of a single bubble against its depth."""
    found = results.imaging("point_spread")
    values = ["axial_fwhm_um", "lateral_fwhm_um", "axial_bias_um", "lateral_bias_um"]
    rows = _in_order(found.groupby(["method", "depth_mm"])[values].median(), found).reset_index()
    points = int(found.groupby(["method", "depth_mm"]).size().max())
    columns = [
        Column("method", lambda row: row.method, "image of", image_of),
        Column("depth_mm", lambda row: row.depth_mm, "depth (mm)", short),
        Column("axial_fwhm_um", lambda row: row.axial_fwhm_um, "axial FWHM (µm)", _micrometres),
        Column(
            "lateral_fwhm_um", lambda row: row.lateral_fwhm_um, "lateral FWHM (µm)", _micrometres
        ),
        Column("axial_bias_um", lambda row: row.axial_bias_um, "axial bias (µm)", _micrometres),
        Column(
            "lateral_bias_um", lambda row: row.lateral_bias_um, "lateral bias (µm)", _micrometres
        ),
    ]
    data, text = tabulate(rows.itertuples(), columns)
    caption = (
        "Point spread of the image of a single bubble: full width at half maximum, and how far the "
        "peak is from the bubble (below it and to its right where positive); median of "
        f"{points} {'bubble' if points == 1 else 'bubbles'} at random places near each depth. "
        "Raw is the envelope of the delay-and-sum of RF over all elements, without apodisation."
    )
    return Table(
        "imaging_point_spread",
        "Point spread",
        caption,
        data,
        (("", text),),
        findings.point_spread(data),
    )


def pairs_table(results: Results) -> Table:
    """Share of pairs of bubbles that are found as two."""
    found = results.imaging("pairs")
    grouped = found.groupby(["method", "direction", "distance_um"])["resolved"]
    rows = _in_order(grouped.agg(share="mean", pairs="size"), found).reset_index()
    columns = [
        Column("method", lambda row: row.method, "image of", image_of),
        Column("direction", lambda row: row.direction, "direction"),
        Column("distance_um", lambda row: row.distance_um, "distance (µm)", short),
        Column("resolved", lambda row: row.share, "found as two", number("{:.2f}")),
        Column("pairs", lambda row: row.pairs, "pairs"),
    ]
    data, text = tabulate(rows.itertuples(), columns)
    caption = (
        "Two bubbles at a distance: the share of pairs of which each bubble has a detection of its "
        "own, at most half the distance away. All depths together."
    )
    return Table(
        "imaging_pairs", "Resolvable distance", caption, data, (("", text),), findings.pairs(data)
    )


def detections_table(results: Results) -> Table:
    """F1 of the bubbles found in fields, against density, noise and pressure."""
    found, chosen = results.imaging("detections"), results.imaging("thresholds")
    grouped = found.groupby(["method", *CONDITION], sort=False)
    each = grouped.agg(
        f1=("f1", "mean"),
        low=("f1", "min"),
        high=("f1", "max"),
        precision=("precision", "mean"),
        recall=("recall", "mean"),
        frames=("frame", "size"),
    )
    rows = _in_order(each, chosen).reset_index()
    columns = [
        Column("method", lambda row: row.method, "image of", image_of),
        Column("bubbles", lambda row: row.bubbles, "bubbles"),
        Column("noise_percent", lambda row: row.noise_percent, "noise (%)", short),
        Column("pressure_kpa", lambda row: row.pressure_kpa, "pressure (kPa)", short),
        Column("f1", lambda row: row.f1, "F1", _score),
        Column("f1_lowest", lambda row: row.low, "lowest", _score),
        Column("f1_highest", lambda row: row.high, "highest", _score),
        Column("precision", lambda row: row.precision, "precision", _score),
        Column("recall", lambda row: row.recall, "recall", _score),
        Column("frames", lambda row: row.frames, "frames"),
    ]
    data, text = tabulate(rows.itertuples(), columns)
    levels = "; ".join(
        f"{image_of(row.method)} above {row.threshold:g}"
        + (f", {row.lag_um:.0f} µm further up" if row.lag_um else "")
        for row in chosen.itertuples()
    )
    caption = (
        "Bubbles found in fields of 28 x 90 mm, matched one to one within 100 µm axially and "
        f"400 µm laterally. Chosen on other frames, without noise and at 200 kPa: {levels}."
    )
    return Table(
        "imaging_detections",
        "Bubbles found",
        caption,
        data,
        (("", text),),
        findings.detections(data),
    )


def _in_order(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Methods in the order in which they were measured."""
    order = {name: place for place, name in enumerate(found["method"].unique())}
    return table.sort_index(
        level="method", key=lambda names: names.map(order), sort_remaining=False, kind="stable"
    )
