"""Figure of images of an array's frames: from the CSV files of a study, without torch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.analysis.results import Results
from ckstudy.report.figures import style

_LOOKS = (
    (style.GREY, "s", "--"),
    (style.BLUE, "o", "-"),
    (style.VERMILION, "^", "-."),
    (style.GREEN, "D", ":"),
    (style.PURPLE, "v", "-"),
)


def imaging_scores(results: Results) -> Figure:
    """Point spread against depth, pairs against distance, F1 against density."""
    spread, pairs, found = (
        results.imaging(name) for name in ("point_spread", "pairs", "detections")
    )
    usual = found[found["noise_percent"].eq(0) & found["pressure_kpa"].eq(200)]
    figure = Figure(figsize=(style.PAGE, 4.6), layout="constrained")
    panels = figure.subplots(2, 3)
    for place, method in enumerate(spread["method"].unique()):
        own = spread[spread["method"] == method].groupby("depth_mm")
        label = "raw RF" if method == "raw" else f"lines by {method}"
        looks = dict(
            zip(("color", "marker", "linestyle"), _LOOKS[place % len(_LOOKS)], strict=True)
        )
        for panel, name in ((panels[0, 0], "axial_fwhm_um"), (panels[0, 1], "lateral_fwhm_um")):
            _curve(panel, own[name].median(), label=label, **looks)
        _curve(panels[0, 2], own["axial_bias_um"].median().abs(), **looks)
        for panel, direction in ((panels[1, 0], "axial"), (panels[1, 1], "lateral")):
            both = pairs[(pairs["method"] == method) & (pairs["direction"] == direction)]
            _curve(panel, both.groupby("distance_um")["resolved"].mean(), **looks)
        mine = usual[usual["method"] == method]
        _curve(panels[1, 2], mine.groupby("bubbles")["f1"].mean(), **looks)
    for panel, label in zip(
        panels[0], ("axial FWHM (µm)", "lateral FWHM (µm)", "|axial bias| (µm)"), strict=True
    ):
        panel.set_yscale("symlog" if "bias" in label else "log", **_linear(label))
        panel.set_xlabel("depth (mm)")
        panel.set_ylabel(label)
    for panel, direction in zip(panels[1], ("axial", "lateral"), strict=False):
        panel.set_xlabel(f"{direction} distance (µm)")
        panel.set_ylabel("pairs found as two")
    panels[1, 2].set_xlabel("bubbles in 28 x 90 mm")
    panels[1, 2].set_ylabel("F1 within 100 x 400 µm")
    for panel in panels[1]:
        panel.set_ylim(-0.04, 1.04)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _curve(panel: Axes, values: pd.Series, **looks: str) -> None:
    values = values.sort_index()
    panel.plot(values.index.to_numpy(float), values.to_numpy(float), **looks)  # type: ignore[arg-type]


def _linear(label: str) -> dict[str, float]:
    return {"linthresh": 1.0} if "bias" in label else {}
