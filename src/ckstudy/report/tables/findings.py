"""What a table says, in sentences made of its numbers, whichever way they come out.

Each function takes the numbers of a table (what becomes its CSV) and gives a tuple of sentences.
"""

from collections.abc import Callable

import pandas as pd

from ckstudy.report.tables.table import (
    change,
    code,
    image_of,
    interval,
    listing,
    number,
    score,
    short,
    thousands,
    whole,
)

_correlation = number("{:+.2f}")
# Share of pairs that have to be found as two at a distance that counts as resolved.
_RESOLVED = 0.9
_BUBBLES = {
    "monodisperse": "monodisperse bubbles",
    "polydisperse": "polydisperse bubbles",
    "segers": "shells of the Segers model",
    "marmottant": "shells of the Marmottant model",
}


def kernel_size(data: pd.DataFrame) -> tuple[str, ...]:
    """Of Table 1: which size is best, how training and test differ, and the thesis's numbers."""
    ours = data.dropna(subset=["test_f1"])
    if ours.empty:
        return ()
    said = []
    best, worst = ours.loc[ours["test_f1"].idxmax()], ours.loc[ours["test_f1"].idxmin()]
    if best.test_f1 > worst.test_f1:
        said.append(
            f"On test lines K = {best.kernel_size:.0f} is best, {interval(best, 'test_f1')}, and "
            f"K = {worst.kernel_size:.0f} worst, {interval(worst, 'test_f1')}."
        )
    gap = ours["train_f1"] - ours["test_f1"]
    said.append(
        f"Training F1 minus test F1 is between {change(gap.min())} and {change(gap.max())}: "
        "over-fitting would make it large."
    )
    return (*said, *_beside_thesis(ours, "difference", "kernel sizes", _kernel_size))


def omega_0(data: pd.DataFrame) -> tuple[str, ...]:
    """Of Table 2: how far F1 varies with ω0, here and in the thesis, and the thesis's numbers."""
    ours = data.dropna(subset=["mean_f1"]).query("score == 'upstream' and calibration == 'train'")
    said = []
    both = ours.dropna(subset=["mean_difference"])
    for size, rows in both.groupby("kernel_size"):
        if len(rows) > 1:
            here, there = (
                rows[name].max() - rows[name].min() for name in ("mean_f1", "thesis_mean_f1")
            )
            said.append(
                f"At K = {size:.0f} the mean F1 varies by {score(here)} over ω0 = "
                f"{listing(sorted(rows['omega_0']))}; in the thesis by {score(there)}."
            )
    return (*said, *_beside_thesis(both, "mean_difference", "cells", _cell))


def dilated(data: pd.DataFrame) -> tuple[str, ...]:
    """Of the dilated pair: what continuous kernels gain or lose against conventional ones."""
    return tuple(
        f"With continuous kernels at ω0 = {row.omega_0:g} the {row.score} F1 is "
        f"{_beside(row.paired_difference_low, row.paired_difference_high)} that of the "
        f"conventional network, by {interval(row, 'paired_difference', signed=True)}."
        for row in data.dropna(subset=["paired_difference"]).itertuples()
    )


def baselines(data: pd.DataFrame) -> tuple[str, ...]:
    """Of networks beside baselines: how many learn, and how many beat the best baseline."""
    networks = data[data["kind"] == "network"]
    others = data[data["kind"] == "baseline"].dropna(subset=["upstream_f1"])
    if networks.empty or others.empty:
        return ()
    best = others.loc[others["upstream_f1"].idxmax()]
    above = (networks["upstream_f1"] > best.upstream_f1).sum()
    dumb = networks[~(networks["above_comb_low"] > 0)]["predictor"]
    said = [
        f"The best baseline is {code(best.predictor)} ({score(best.upstream_f1)}); "
        f"{above} of {len(networks)} networks score higher."
    ]
    if len(dumb):
        said.append(
            f"Not above the comb, so that nothing can be said of what they learned: "
            f"{', '.join(map(code, dumb))}."
        )
    return tuple(said)


MENDED_NETWORK = "network, mended start"
"""A kind of the table on kernel size and noise."""


def noise(data: pd.DataFrame) -> tuple[str, ...]:
    """Of kernel size and noise: the best size at each level, beside the best baseline."""
    said = []
    for percent, rows in data.dropna(subset=["upstream_f1"]).groupby("noise_percent"):
        networks = rows[rows["kind"] == "network"]
        if networks.empty:
            continue
        best = networks.loc[networks["upstream_f1"].idxmax()]
        sentence = (
            f"At {percent:g} % noise K = {best.kernel_size:.0f} is best, "
            f"{interval(best, 'upstream_f1')}"
        )
        others = rows[rows["kind"] == "baseline"]
        if len(others):
            other = others.loc[others["upstream_f1"].idxmax()]
            sentence += (
                f"; the best baseline, {code(other.predictor)}, has {score(other.upstream_f1)}"
            )
        mended = rows[rows["kind"] == MENDED_NETWORK]
        if len(mended):
            other = mended.loc[mended["upstream_f1"].idxmax()]
            sentence += (
                f"; from the mended start K = {other.kernel_size:.0f}, "
                f"{interval(other, 'upstream_f1')}"
            )
        said.append(f"{sentence}.")
    return tuple(said)


def failures(data: pd.DataFrame) -> tuple[str, ...]:
    """Of where networks fail: what goes with a line's F1, and how far off detections are."""
    strengths = {
        name: data[f"upstream_{column}"].dropna()
        for name, column in (("the pressure", "pressure_kpa"), ("the number of bubbles", "bubbles"))
    }
    said = [
        f"A line's F1 goes with {name} by r = {_range(found, _correlation)}."
        for name, found in strengths.items()
        if len(found)
    ]
    errors = data.dropna(subset=["abs_error_samples"])
    if len(errors):
        best = errors.loc[errors["abs_error_samples"].idxmin()]
        said.append(
            f"Bubbles that are found are off by {_range(errors['abs_error_samples'], _two)} "
            f"samples on average, least by {code(best.network)}: {best.abs_error_ns:.0f} ns, "
            f"{best.abs_error_um:.0f} µm."
        )
    rarely = (data["precision"] < data["recall"]).sum()
    said.append(
        f"{len(data) - rarely} of {len(data)} networks miss more bubbles than they invent; "
        f"{rarely} the other way round."
    )
    return tuple(said)


def instability(data: pd.DataFrame) -> tuple[str, ...]:
    """Of stability: matched F1 at the largest perturbation, random and worst, in each band."""
    marks = [name.removeprefix("matched_f1_worst_") for name in data if "matched_f1_worst_" in name]
    if not marks:
        return ()
    norm = max(marks, key=float)
    said = []
    for band, rows in data.groupby("band", sort=False):
        where = "over all frequencies" if band == "full" else "within the band of the pulse"
        said.append(
            f"Perturbed by {100 * float(norm):g} % of a line's norm {where}: matched F1 is "
            f"{_range(rows[f'matched_f1_random_{norm}'], score)} if the perturbation is random and "
            f"{_range(rows[f'matched_f1_worst_{norm}'], score)} if it is the worst found; "
            f"unperturbed it is {_range(rows['matched_f1_clean'], score)}."
        )
    gains = data["gain_worst"] / data["gain_random"]
    said.append(
        f"The worst perturbation changes the output {_range(gains, _one)} times as much as a "
        "random one of the same norm."
    )
    return tuple(said)


def noise_levels(data: pd.DataFrame) -> tuple[str, ...]:
    """Of noise: what the least of it leaves, and who does better at the most."""
    if data.empty:
        return ()
    said = []
    levels = sorted(float(name.removeprefix("share_")) for name in data if "share_" in name)
    noisy = [level for level in levels if level > 0]
    at = data[(data["score"] == "upstream") & (data["calibration"] == "level")]
    clean = at[at["trained"] == "without noise"]
    if noisy and len(clean) and 0 in levels:
        left = listing(
            [
                f"{_range(clean[f'f1_{level:g}'], score)} with {level:g} %"
                for level in dict.fromkeys((noisy[0], noisy[-1]))
            ]
        )
        said.append(
            f"Networks that were trained without noise have F1 {_range(clean['f1_0'], score)} on "
            f"lines without it, {left}, each with the best threshold for that noise."
        )
    for _, row in at[at["trained"] == "elsewhere"].iterrows():
        values = ", ".join(f"{score(row[f'f1_{level:g}'])} with {level:g} %" for level in levels)
        said.append(f"`{row['predictor']}`, trained elsewhere, has F1 {values}.")
    linear = at[at["predictor"].str.startswith("ridge")]
    if len(linear) and noisy and len(clean):
        beaten = [
            level for level in noisy if clean[f"f1_{level:g}"].max() < linear[f"f1_{level:g}"].max()
        ]
        if beaten:
            said.append(
                "A linear filter that is fitted to the noise beats all networks that were trained "
                f"without any at {', '.join(f'{level:g}' for level in beaten)} %."
            )
    return tuple(said)


def other_bubbles(data: pd.DataFrame, comb: float) -> tuple[str, ...]:
    """Of other bubbles: what each kind costs those that were trained on the study's own.

    ``comb`` is the F1 of a predictor that looks at no line.
    """
    if data.empty:
        return ()
    said = []
    at = data[(data["score"] == "upstream") & (data["calibration"] == "level")]
    here = at[(at["trained"] == "here") & ~at["predictor"].str.startswith("ridge")]
    for kind in [name.removeprefix("f1_") for name in data if name.startswith("f1_")]:
        if kind == "own" or here.empty:
            continue
        lost = here[f"f1_{kind}"] - here["f1_own"]
        said.append(
            f"With {_BUBBLES[kind]} instead of the study's own, networks trained here have F1 "
            f"{_range(here[f'f1_{kind}'], score)} instead of {_range(here['f1_own'], score)}; the "
            f"change is {_range(lost, change)}."
        )
        below = int((here[f"f1_{kind}"] < comb).sum())
        if below:
            which = "all" if below == len(here) else f"{below} of {len(here)}"
            said.append(f"Below the comb's {score(comb)} are then {which} of these networks.")
    for _, row in at[at["trained"] == "elsewhere"].iterrows():
        values = ", ".join(
            f"{score(row[f'f1_{kind}'])} with {words}"
            for kind, words in {"own": "the study's own bubbles", **_BUBBLES}.items()
            if f"f1_{kind}" in at
        )
        said.append(f"`{row['predictor']}`, trained elsewhere, has F1 {values}.")
    return tuple(said)


def receptive_fields(data: pd.DataFrame) -> tuple[str, ...]:
    """Of receptive fields: which part of the nominal one is in use."""
    if data.empty:
        return ()
    share = 100 * data["width"] / data["nominal"]
    widest = data.loc[data["width"].idxmax()]
    return (
        f"The effective field is {_range(share, _one)} % of the nominal one; the widest, of "
        f"{code(widest.network)}, is {whole(widest.width)} of {whole(widest.nominal)} samples.",
    )


def cost(data: pd.DataFrame) -> tuple[str, ...]:
    """Of costs: predictors that no other beats for as few operations."""
    if data.empty:
        return ()
    rows = data.dropna(subset=["flops", "upstream_f1"]).sort_values("flops")
    highest = rows["upstream_f1"].cummax().shift(fill_value=-1.0)
    front = [
        f"{code(row.predictor)} ({thousands(row.flops / 1e6)}, {score(row.upstream_f1)})"
        for row in rows[rows["upstream_f1"] > highest].itertuples()
    ]
    return (
        "No other scores higher for as few operations a line (10⁶ operations, F1): "
        f"{', '.join(front)}.",
    )


def claims(data: pd.DataFrame) -> tuple[str, ...]:
    """Of the claims: which are supported, contradicted, undecided."""
    verdicts = data[data["is_effect"]]
    return tuple(
        f"{str(verdict).capitalize()}: {'; '.join(rows['claim'])}."
        for verdict, rows in verdicts.groupby(verdicts["verdict"].map(str), sort=False)
    )


def windows(data: pd.DataFrame) -> tuple[str, ...]:
    """Of learned windows: where they end up, by kernel size."""
    return tuple(
        f"At K = {size:.0f} windows of σ = {_range(rows['start'], short)} samples at the start "
        f"came to {_range(rows['sigma'], _one)}, median {_one(rows['sigma'].median())}."
        for size, rows in data.groupby("kernel_size")
    )


def point_spread(data: pd.DataFrame) -> tuple[str, ...]:
    """Of a single bubble's image: how much narrower than that of the raw signal."""
    raw = data[data["method"] == "raw"].set_index("depth_mm")
    said = []
    for method, rows in data[data["method"] != "raw"].groupby("method", sort=False):
        mine = rows.set_index("depth_mm")
        both = mine.index.intersection(raw.index)
        axial, lateral = (
            raw.loc[both, f"{way}_fwhm_um"] / mine.loc[both, f"{way}_fwhm_um"]
            for way in ("axial", "lateral")
        )
        bias = mine[["axial_bias_um", "lateral_bias_um"]].abs().max().max()
        narrower = " and ".join(
            f"{_range(ratio, _one)} times as narrow {way}"
            for ratio, way in ((axial, "axially"), (lateral, "laterally"))
            if ratio.notna().any()
        )
        if narrower:
            said.append(
                f"Lines by {code(method)} make a bubble {narrower}, at most {bias:.0f} µm from its "
                "place."
            )
    return tuple(said)


def pairs(data: pd.DataFrame) -> tuple[str, ...]:
    """Of pairs: the distance from which on they are found as two."""
    said = []
    for (direction, method), rows in data.groupby(["direction", "method"], sort=False):
        # The least distance from which on all are told apart.
        falling = rows.sort_values("distance_um", ascending=False)
        told = falling[(falling["resolved"] >= _RESOLVED).cummin()]
        far = (
            f"from {told['distance_um'].min():g} µm on"
            if len(told)
            else f"at none of the distances up to {rows['distance_um'].max():g} µm"
        )
        said.append(
            f"In images of {image_of(method)}, {direction} pairs are told apart (at least "
            f"{100 * _RESOLVED:.0f} % of them) {far}."
        )
    return tuple(said)


def detections(data: pd.DataFrame) -> tuple[str, ...]:
    """Of fields of bubbles: the best image in each condition, and the raw one's F1."""
    said = []
    for (bubbles, percent, pressure), rows in data.groupby(
        ["bubbles", "noise_percent", "pressure_kpa"], sort=False
    ):
        best = rows.loc[rows["f1"].idxmax()]
        raw = rows[rows["method"] == "raw"]["f1"]
        beside = f", of raw RF {score(raw.iloc[0])}" if len(raw) and best.method != "raw" else ""
        said.append(
            f"{bubbles} bubbles, {percent:g} % noise, {pressure:g} kPa: F1 {score(best.f1)} in "
            f"images of {image_of(best.method)}{beside}."
        )
    return tuple(said)


def _beside_thesis(
    both: pd.DataFrame, name: str, things: str, place: Callable[[pd.Series], str]
) -> tuple[str, ...]:
    both = both.dropna(subset=[name])
    if both.empty:
        return (f"The study and the thesis have no {things} in common.",)
    agree = (both[f"{name}_low"] <= 0) & (both[f"{name}_high"] >= 0)
    worst = both.loc[both[name].abs().idxmax()]
    return (
        f"The thesis has {len(both)} of these {things} too; the interval of {agree.sum()} includes "
        f"its number. The largest difference is {change(worst[name])}, at {place(worst)}.",
    )


def _kernel_size(row: pd.Series) -> str:
    return f"K = {row.kernel_size:.0f}"


def _cell(row: pd.Series) -> str:
    return f"K = {row.kernel_size:.0f}, ω0 = {row.omega_0:g}"


def _beside(low: float, high: float) -> str:
    if low > 0:
        return "above"
    return "below" if high < 0 else "not told apart from"


_one = number("{:.1f}")
_two = number("{:.2f}")


def _range(values: pd.Series, show: Callable[[float], str]) -> str:
    """``0.20 to 0.31``, or one number where they are shown alike."""
    ends = [show(float(end)) for end in (values.min(), values.max())]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
