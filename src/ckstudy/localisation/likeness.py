"""Are these lines like those that a network was trained on?

A network answers whatever it is given. Lines are described by a few numbers that do not depend
on their unit; a released network carries the ranges of these over its training lines, and what
lies well outside them is worth a warning that says what to do.
"""

from math import inf, isfinite, log10, nan

import numpy as np

from ckstudy.errors import StudyError
from ckstudy.networks import Localiser

PARTS = 16  # of a line, whose levels are compared
LOOK_AT = 64  # lines that are described
# How far a line may lie outside the training lines' range before it is worth a warning.
FREQUENCY_MARGIN = 1.1
LEVEL_MARGIN = 2.0
LEVEL_MARGIN_DB = 3.0
LENGTH_MARGIN = 2.0
LARGEST_OFFSET = 0.1  # of a line's root mean square
# What describes a line, see :func:`describe`.
NAMES = ("low_hz", "centre_hz", "high_hz", "rms", "offset", "loudest_db")
FLOOR = "floor_db"  # not in the files of earlier versions, nor where lines are too short for it
# Where noise is looked for, over the frequency that halves a line's energy: below any echo, above
# drifts. In shorter lines fewer frequencies are there than this, and echoes leak into them.
FLOOR_BAND = 1 / 20, 1 / 4
FLOOR_FREQUENCIES = 16
MOST = 0.05, 0.95  # of the training lines have a floor between
FAINTEST = 1e-12  # of a power density: rounding, nothing else


def describe(rf: np.ndarray, sampling_rate_hz: float) -> dict[str, np.ndarray]:
    """Numbers that tell lines apart, for each line that is not silent.

    Parameters
    ----------
    rf : ndarray, (lines, samples)
    sampling_rate_hz : float

    Returns
    -------
    dict of ndarray, (lines,)
        ``low_hz``, ``centre_hz``, ``high_hz``: 5, 50 and 95 % of a line's energy lie below;
        ``rms``: in the line's unit; ``offset``: |mean| over rms;
        ``loudest_db``: level of the loudest of 16 parts of the line against the whole;
        ``floor_db``: power density below the echoes' band against that within it, NaN for lines
        too short to tell.
    """
    rf = np.asarray(rf, dtype=np.float64)
    rms = np.sqrt(np.mean(rf**2, axis=-1))
    rf, rms = rf[rms > 0], rms[rms > 0]
    mean = rf.mean(axis=-1)
    samples = rf.shape[-1]
    spectrum = np.abs(np.fft.rfft((rf - mean[:, None]) * np.hanning(samples + 2)[1:-1])) ** 2
    share = np.cumsum(spectrum, axis=-1)
    share /= np.maximum(share[:, -1:], np.finfo(float).tiny)
    frequencies = np.fft.rfftfreq(samples, 1 / sampling_rate_hz)
    places = [
        np.minimum((share < part).sum(axis=-1), frequencies.size - 1) for part in (0.05, 0.5, 0.95)
    ]
    low, centre, high = (frequencies[place] for place in places)
    parts = [np.mean(part**2, axis=-1) for part in np.array_split(rf, min(PARTS, samples), axis=-1)]
    loudest = np.max(parts, axis=0) / rms**2
    return {
        "low_hz": low,
        "centre_hz": centre,
        "high_hz": high,
        "rms": rms,
        "offset": np.abs(mean) / rms,
        "loudest_db": 10 * np.log10(loudest),
        FLOOR: np.array([_floor_db(*each) for each in zip(spectrum, *places, strict=True)]),
    }


def _floor_db(spectrum: np.ndarray, low: int, centre: int, high: int) -> float:
    below = spectrum[slice(*(round(centre * part) for part in FLOOR_BAND))]
    within = spectrum[low : high + 1].mean()
    if below.size < FLOOR_FREQUENCIES or within == 0:
        return nan
    return 10 * log10(max(float(np.median(below) / within), FAINTEST))


def training_data(rf: np.ndarray, sampling_rate_hz: float, parameters: dict) -> dict:
    """What a released network says of its training lines: JSON values.

    Parameters
    ----------
    rf : ndarray, (lines, samples)
    sampling_rate_hz : float
    parameters : dict
        What the lines were simulated from.
    """
    ranges = {}
    for name, values in describe(rf, sampling_rate_hz).items():
        # One line in a thousand has hardly an echo, and so a high floor: that says nothing.
        ends = np.quantile(values, MOST if name == FLOOR else (0, 1))
        if np.isfinite(ends).all():
            ranges[name] = [float(f"{end:.6g}") for end in ends]
    return {
        "sampling_rate_hz": sampling_rate_hz,
        "samples": int(rf.shape[1]),
        "parameters": parameters,
        "ranges": ranges,
    }


def unlike_training(
    network: Localiser, rf: np.ndarray, own_rate_hz: float | None = None
) -> list[str]:
    """In what some lines are unlike the training lines, and what to do about it.

    Parameters
    ----------
    network : Localiser
        As loaded by :func:`ckstudy.load_model`; one whose file does not describe its training
        lines is only asked about silence and offset.
    rf : ndarray, (lines, samples)
        At the network's rate.
    own_rate_hz : float, optional
        The rate that the lines were recorded at.

    Returns
    -------
    list of str
        A sentence for each difference; empty where there is none. Differences are those of the
        median line.

    Raises
    ------
    StudyError
        Where the network's file describes its training lines by damaged values.
    """
    rate = network.sampling_rate_hz
    silent = int(len(rf) - np.any(rf, axis=-1).sum())
    said = []
    if silent:
        said.append(
            f"level: {silent} of {len(rf)} lines that were looked at are silent (all zero); "
            "check the layout and the variable"
        )
    if silent == len(rf):
        return said
    median = {name: float(np.median(values)) for name, values in describe(rf, rate).items()}
    trained = _training_data(network)
    ranges = trained.get("ranges", {})
    if median["offset"] > max(LARGEST_OFFSET, ranges.get("offset", (0, 0))[1]):
        said.append(
            f"level: lines have an offset of {median['offset']:.2g} of their root mean square, "
            "which the network takes for signal; subtract each line's mean"
        )
    if not ranges:
        return said
    return [
        *said,
        *_about_band(median, ranges, own_rate_hz),
        *_about_level(network, median, ranges),
        *_about_noise(median, ranges),
        *_about_length(rf.shape[-1], rate, trained),
    ]


def _training_data(network: Localiser) -> dict:
    """What the network's file says of its training lines, checked; empty where it says nothing."""
    trained = network.about.get("training_data", {})
    if "ranges" not in trained:
        return trained
    ranges = trained["ranges"]
    if not (
        isinstance(ranges, dict)
        and all(map(_is_range, map(ranges.get, NAMES)))
        and _is_range(ranges.get(FLOOR, [0, 0]))
    ):
        wrong = f"ranges of which each of {', '.join((*NAMES, FLOOR))} must be two numbers"
    elif not all(_is_positive(trained.get(name)) for name in ("samples", "sampling_rate_hz")):
        wrong = "samples and a sampling_rate_hz that must be numbers above 0"
    else:
        return trained
    raise StudyError(
        f"{network.about['path']} describes its training lines by {wrong}; fetch or release the "
        "file again"
    )


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < inf


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(end, int | float) and isfinite(end) for end in value)
    )


def _about_band(median: dict, ranges: dict, own_rate_hz: float | None) -> list[str]:
    said = []
    top = ranges["high_hz"][1]
    if own_rate_hz is not None and own_rate_hz / 2 < top:
        said.append(
            f"rate: {own_rate_hz / 1e6:g} MHz holds frequencies up to {own_rate_hz / 2e6:g} MHz, "
            f"the training lines' reach to {top / 1e6:.3g} MHz; record at a higher rate"
        )
    names = {"low_hz": "5 %", "centre_hz": "half", "high_hz": "95 %"}
    for name, part in names.items():
        low, high = ranges[name]
        if not low / FREQUENCY_MARGIN <= median[name] <= high * FREQUENCY_MARGIN:
            said.append(
                f"band: {part} of the energy lies below {median[name] / 1e6:.3g} MHz, in the "
                f"training lines below {low / 1e6:.3g} to {high / 1e6:.3g} MHz; check the sampling "
                "rate and the layout, filter noise outside the transducer's band, or train a "
                "network on lines of your pulse"
            )
            break
    return said


def _about_level(network: Localiser, median: dict, ranges: dict) -> list[str]:
    said = []
    low, high = ranges["rms"]
    # A network that scales each line itself does not see the unit.
    outside = not low / LEVEL_MARGIN <= median["rms"] <= high * LEVEL_MARGIN
    if network.input_scaling == "volts" and outside:
        said.append(
            f"level: the root mean square of a line is {median['rms']:.3g}, in the training lines "
            f"{low:.3g} to {high:.3g} V; bring the lines to volts at the hydrophone"
        )
    high = ranges["loudest_db"][1]
    if median["loudest_db"] > high + LEVEL_MARGIN_DB:
        said.append(
            f"level: the loudest sixteenth of a line is {median['loudest_db']:.1f} dB above the "
            f"whole, in the training lines at most {high:.1f} dB; cut off the transmitted pulse "
            "and wall echoes, or compensate gain along depth"
        )
    return said


def _about_noise(median: dict, ranges: dict) -> list[str]:
    if FLOOR not in ranges or not median[FLOOR] > ranges[FLOOR][1]:
        return []
    first, last = (part * median["centre_hz"] / 1e6 for part in FLOOR_BAND)
    return [
        f"noise: from {first:.2g} to {last:.2g} MHz, below the echoes' band, the power density is "
        f"{-median[FLOOR]:.0f} dB below that of the band, in most training lines at least "
        f"{-ranges[FLOOR][1]:.0f} dB; take a network that was trained with noise, such as robust"
    ]


def _about_length(samples: int, rate: float, trained: dict) -> list[str]:
    wanted = trained["samples"]
    if wanted / LENGTH_MARGIN <= samples <= wanted * LENGTH_MARGIN:
        return []
    return [
        f"length: lines last {1e6 * samples / rate:.4g} µs, the training lines "
        f"{1e6 * wanted / trained['sampling_rate_hz']:.4g} µs; check the layout and the rate, and "
        "cut long lines into pieces if their level changes along the way"
    ]
