"""Measure a released network on new lines, and write its model card.

    python benchmarks/model_card.py best
    python benchmarks/model_card.py robust --beside best=best --beside HS_01=srml1d.safetensors
    python benchmarks/model_card.py best --baselines --beside HS_01=srml1d.safetensors

Simulates test lines (seed and line numbers of no training), localises them through the code behind
``ckstudy localise`` and scores them with the thresholds that the network carries. One factor is
varied at a time, on the same bubbles: noise, population, sampling rate; bubble count and pressure
are read off the clean lines. A network that was trained on other lines than clean ones of one
population is scored on lines like those too. Networks beside it see the same lines, but for other
rates. Where a network has thresholds for half samples, the clean lines and its own are also scored
with it asked at those (``matched`` alone). With ``--baselines`` linear filters and sparse
deconvolution, fitted on the network's own training lines, see the clean lines too. Writes
``benchmarks/results/model_card_NAME.csv`` and from it, and from what the model file says of
itself, ``docs/models/NAME.md``; ``--write-only`` makes the page anew from a table that is there.
Minutes for 960 lines on two cores.

At another sampling rate the same lines are simulated at 31.25 or 125 MHz, and taken from 125 MHz
to 15.625 and 250 MHz exactly, in the frequency domain; what is scored is the network's signal,
against the same truth at 62.5 MHz.
"""

import argparse
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.signal import resample

import ckstudy
from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import Lines, read_lines
from ckstudy.errors import StudyError
from ckstudy.files import write_text
from ckstudy.localisation.calibration import SPLIT, calibrated_threshold
from ckstudy.networks import Localiser, count_parameters
from ckstudy.networks.release import load_model
from ckstudy.networks.shipped import model_path
from ckstudy.provenance import commit
from ckstudy.scoring.baselines import score_baselines
from ckstudy.scoring.counts import MAX_TOLERANCE
from ckstudy.scoring.evaluation import SCORERS, count
from ckstudy.scoring.intervals import mean_interval
from ckstudy.scoring.score_files import model_digest, read_thresholds
from ckstudy.scoring.units import micrometres
from ckstudy.study.lines import FIRST_LINE

ROOT = Path(__file__).parents[1]
TOLERANCES = (0, 1, 2, 4, 9)
TOLERANCE = 4
NOISE = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
BUBBLES = (10, 100, 250, 500, 750, 1001)
PRESSURES_KPA = (5, 25, 50, 100, 150, 250)
RATES_MHZ = (15.625, 31.25, 125.0, 250.0)
SIMULATED_MHZ = (31.25, 62.5, 125.0)
HALF_SAMPLES = "matched_half_samples"
LABELS = {
    "upstream": "`upstream` F1",
    "matched": "`matched` F1",
    HALF_SAMPLES: "`matched` F1, half samples",
}


def main() -> None:
    """Measure, unless the table is there already, and write the page."""
    options = _arguments()
    table_path = options.table or ROOT / "benchmarks" / "results" / f"model_card_{options.name}.csv"
    page_path = options.page or ROOT / "docs" / "models" / f"{options.name}.md"
    torch.set_num_threads(options.threads)
    if not options.write_only:
        table = measure(options)
        write_text(table_path, table.to_csv(index=False, float_format="%.6g"))
    table = pd.read_csv(table_path, dtype={"value": str})
    write_text(page_path, page(options.name, load_model(options.name), table))
    print(page_path)


def measure(options: argparse.Namespace) -> pd.DataFrame:
    """Scores by condition: a row for each network, condition, score and tolerance."""
    network = load_model(options.name)
    asked = SimulationSpec(
        split="test", lines=options.lines, seed=options.seed, first_line=options.first_line
    )
    trained = network.about.get("training_data", {}).get("parameters", {})
    if trained.get("seed") == asked.seed and _overlap(asked, trained):
        raise SystemExit(f"seed {asked.seed}: these are lines that the network was trained on")
    clean = lines_of(asked, options)
    networks = [(options.name, network), *((name, load_model(at)) for name, at in options.beside)]
    rows = []
    counts = score(network, clean, clean, options.name, half_samples=True)
    rows += summarise(options.name, "lines", "clean", counts)
    for factor, values, edges in (
        ("bubbles", clean.bubbles_per_line, BUBBLES),
        ("pressure_kpa", clean.pressure / 1e3, PRESSURES_KPA),
    ):
        for low, high in pairwise(edges):
            chosen = (values >= low) & (values < high)
            if chosen.any():
                last = high - 1 if factor == "bubbles" else high
                rows += summarise(options.name, factor, f"{low} to {last}", counts, chosen)
    for name, other in networks[1:]:
        counts = score(other, clean, clean, name, half_samples=True)
        rows += summarise(name, "lines", "clean", counts)
    if options.baselines:
        rows += baselines(trained, clean, options)
    drawn = {key: trained[key] for key in ("population", "noise_percent") if key in trained}
    own = SimulationSpec.from_dict(asked.as_dict() | drawn)
    some = replace(asked, lines=max(1, options.lines // 4))
    conditions = [
        ("noise_percent", f"{noise:g}", replace(some, noise_percent=noise)) for noise in NOISE
    ]
    conditions.append(("population", "polydisperse", replace(some, population="polydisperse")))
    if own != asked:
        conditions.append(("lines", "own", own))
    for factor, value, spec in conditions:
        lines = lines_of(spec, options)
        for name, each in networks:
            own_lines = value == "own"
            counts = score(each, lines, lines, f"{name}: {factor} {value}", half_samples=own_lines)
            rows += summarise(name, factor, value, counts)
    truth = lines_of(some, options)
    for rate in RATES_MHZ:
        lines = at_rate(some, rate, options)
        counts = score(network, lines, truth, f"{rate:g} MHz")
        rows += summarise(options.name, "sampling_rate_mhz", f"{rate:g}", counts)
    table = pd.DataFrame(rows)
    return table.assign(seed=asked.seed, first_line=asked.first_line, commit=commit())


def baselines(trained: dict, clean: Lines, options: argparse.Namespace) -> list[dict]:
    """Rows of the predictors of :mod:`ckstudy.scoring.baselines` on the clean lines.

    They are fitted on the lines that the network was trained on, simulated anew, and choose on
    validation lines of the same kind.
    """
    spec = SimulationSpec.from_dict(trained)
    chosen_on = replace(
        spec,
        split="validation",
        lines=options.validation_lines,
        first_line=FIRST_LINE["validation"],
    )
    train, validation = lines_of(spec, options), lines_of(chosen_on, options)
    means, _ = score_baselines(train, validation, clean, tolerance=TOLERANCE)
    kept = ["score", "tolerance", "mean_f1", "ci_low", "ci_high", "abs_error_samples", "lines"]
    about = {"factor": "lines", "value": "clean"}
    return [
        {"network": row["baseline"], **about, **{key: row[key] for key in kept}}
        for row in means[means["tolerance"].isin(TOLERANCES)].to_dict("records")
    ]


def _overlap(asked: SimulationSpec, trained: dict) -> bool:
    first = trained.get("first_line", 0)
    return asked.first_line < first + trained.get("lines", 0) and (
        first < asked.first_line + asked.lines
    )


def lines_of(spec: SimulationSpec, options: argparse.Namespace) -> Lines:
    """Simulated lines, from the folder of work if they are there."""
    noise = "-".join(f"{level:g}" for level in np.atleast_1d(spec.noise_percent))
    name = f"{spec.lines}_{spec.population}_{noise}_{spec.sampling_rate_mhz:g}"
    path = options.work / f"{spec.seed}_{spec.first_line}_{name}.h5"
    if not path.is_file():
        simulate_dataset(spec, path)
    return read_lines(path)


def at_rate(spec: SimulationSpec, rate_mhz: float, options: argparse.Namespace) -> Lines:
    """The lines of ``spec`` at another rate."""
    if rate_mhz in SIMULATED_MHZ:
        return lines_of(replace(spec, sampling_rate_mhz=rate_mhz), options)
    lines = lines_of(replace(spec, sampling_rate_mhz=125.0), options)
    # What a Fourier series of the line gives must begin and end alike: zeros around it do.
    zeros = 1024
    padded = np.pad(lines.rf.astype(np.float64), ((0, 0), (zeros, zeros)))
    padded = np.pad(padded, ((0, 0), (0, -padded.shape[1] % 16)))
    many = round(padded.shape[1] * rate_mhz / 125)
    first = round(zeros * rate_mhz / 125)
    samples = int(lines.rf.shape[1] * rate_mhz / 125)
    rf = resample(padded, many, axis=1)[:, first : first + samples].astype(np.float32)
    return replace(lines, rf=rf, sampling_rate_hz=1e6 * rate_mhz)


def score(
    network: Localiser, lines: Lines, truth: Lines, what: str, *, half_samples: bool = False
) -> dict:
    """Counts of each line by score: arrays (lines, tolerances) at the calibrated thresholds.

    With ``half_samples`` those of :data:`HALF_SAMPLES` too, where there are thresholds for it.
    """
    print(f"{what}: {len(lines)} lines", file=sys.stderr)
    signal = ckstudy.predict(network, lines.rf, sampling_rate_hz=lines.sampling_rate_hz)
    samples = truth.bubble_count.shape[1]
    # Rates round the end of a line differently, by a sample or a few.
    signal = np.pad(signal, ((0, 0), (0, max(0, samples - signal.shape[1]))))[:, :samples]
    found = {}
    for name in SCORERS:
        found[name] = _at(name, signal, truth, thresholds(network, name))
    if half_samples and (values := half_sample_thresholds(network)):
        signal = ckstudy.predict(
            network, lines.rf, sampling_rate_hz=lines.sampling_rate_hz, half_samples=True
        )
        found[HALF_SAMPLES] = _at("matched", signal, truth, values)
    return found


def _at(name: str, signal: np.ndarray, truth: Lines, values: list[float]) -> dict:
    """F1 and error of each line, (lines, tolerances), at a threshold for each tolerance."""
    ascending = np.unique(values)
    counts = count(name, signal, truth.bubble_count, ascending)
    at = slice(None), np.arange(len(values)), np.searchsorted(ascending, values)
    error = counts.mean_absolute_error
    return {
        "f1": SCORERS[name].f1(counts)[at],
        "error": None if error is None else error[at],
    }


def half_sample_thresholds(network: Localiser) -> list[float]:
    """Those by tolerance for half samples; none where the network has not been calibrated so."""
    try:
        return [
            calibrated_threshold(network, tolerance, half_samples=True)
            for tolerance in range(MAX_TOLERANCE + 1)
        ]
    except StudyError:
        return []


def thresholds(network: Localiser, score_name: str) -> list[float]:
    """The calibrated thresholds by tolerance: from the model's file, or from beside it."""
    kept = network.about.get("thresholds")
    if kept is not None:
        return kept[SPLIT][score_name]
    model = Path(network.about["path"])
    return read_thresholds(model.with_name("thresholds.csv"), model_digest(model))[
        SPLIT, score_name
    ]


def summarise(network: str, factor: str, value: str, counts: dict, chosen=slice(None)) -> list:
    """A row for each score and tolerance, over the ``chosen`` lines."""
    rows = []
    for name, of in counts.items():
        for tolerance in TOLERANCES:
            f1 = of["f1"][chosen, tolerance]
            interval = mean_interval(f1)
            error = np.nan if of["error"] is None else np.nanmean(of["error"][chosen, tolerance])
            rows.append(
                {
                    "network": network,
                    "factor": factor,
                    "value": value,
                    "score": name,
                    "tolerance": tolerance,
                    "mean_f1": float(interval.value),
                    "ci_low": float(interval.low),
                    "ci_high": float(interval.high),
                    "abs_error_samples": error,
                    "lines": len(f1),
                }
            )
    return rows


def page(name: str, network: Localiser, table: pd.DataFrame) -> str:
    """The model card, in Markdown; every number in it is from the file or the table."""
    about = network.about
    data = about["training_data"]
    drawn, spec = data["parameters"], about["spec"]
    ranges = {key: tuple(values) for key, values in data["ranges"].items()}
    own = table[table["network"] == name]
    settings = ", ".join(f"`{key}` {value}" for key, value in spec["training"].items())
    shape = ", ".join(f"`{key}` {value}" for key, value in network.options.items())
    size = model_path(name).stat().st_size
    lines_total = int(own[own["factor"] == "lines"]["lines"].iloc[0])
    some = int(own[own["factor"] == "noise_percent"]["lines"].iloc[0])
    parts = [
        f"# Model card: `{name}`",
        "",
        "Made by `benchmarks/model_card.py` from the model file and from "
        f"`benchmarks/results/model_card_{name}.csv`; do not edit.",
        "",
        "## What it is",
        "",
        f"`{network.name}` with {count_parameters(network):,} parameters ({shape}), in a file of "
        f"{size:,} bytes: `ckstudy.load_model({name!r})`. It maps an RF line to a signal of the "
        "same length that peaks where the echo of a micro-bubble starts. "
        "[Your own data](../own-data.md) tells how to use it.",
        "",
        "## What it was trained on",
        "",
        f"{drawn.get('lines', '?')} simulated lines ([simulator](../simulator.md)) of "
        f"{data['samples']} samples at {data['sampling_rate_hz'] / 1e6:g} MHz, seed "
        f"{drawn.get('seed', '?')}: {_range(drawn.get('bubbles'))} bubbles a line, "
        f"{_population(drawn)}, {_range(drawn.get('pressure_kpa'))} kPa, {_noise(drawn)} noise. "
        f"Half of a line's energy lies below {_mhz(ranges['centre_hz'])} MHz, 90 % from "
        f"{ranges['low_hz'][0] / 1e6:.2f} to {ranges['high_hz'][1] / 1e6:.2f} MHz; its root mean "
        f"square is {ranges['rms'][0]:.3g} to {ranges['rms'][1]:.3g} V. Every line is divided by "
        "its own root mean square before the network sees it.",
        "",
        f"Recipe: {settings}; {about.get('optimiser_steps', 0):,} steps in "
        f"{about.get('wall_seconds', 0) / 3600:.2g} h on {about.get('device', '?')}, commit "
        f"`{about.get('environment', {}).get('commit', '?')}`. Thresholds were chosen on "
        "validation lines, never on test lines.",
        "",
        "## Scores",
        "",
        f"On {lines_total} new lines (seed {own['seed'].iloc[0]}, from line "
        f"{own['first_line'].iloc[0]:,} on), monodisperse and without noise; "
        "[scoring](../scoring.md) defines both scores. With 95 % intervals over the lines. The "
        "error is the mean |error| of matched pairs.",
        "",
        *_by_tolerance(table, "clean", data["sampling_rate_hz"]),
        "",
        *_on_own_lines(table, drawn, data["sampling_rate_hz"]),
        f"At a tolerance of {TOLERANCE} samples, with the same thresholds. Noise, population and "
        f"rate were varied one at a time, on {some} lines. *Half samples* is `matched` F1 with the "
        "network asked [between the samples too](../own-data.md#half-samples-for-crowds).",
        "",
        *_by_condition(own, data["sampling_rate_hz"]),
        "",
        *_beside_others(table),
        "## Limits",
        "",
        *_limits(network, drawn),
        "",
    ]
    return "\n".join(parts)


def _population(drawn: dict) -> str:
    names = {"mixed": "in half of them monodisperse, in half polydisperse"}
    return names.get(drawn.get("population", "?"), drawn.get("population", "?"))


def _noise(drawn: dict) -> str:
    percent = drawn.get("noise_percent", 0)
    if isinstance(percent, list):
        return f"{_range(percent)} % (uniform in log(1 + percent))"
    return f"{percent:g} %"


def _on_own_lines(table: pd.DataFrame, drawn: dict, rate: float) -> list[str]:
    """What ``_by_tolerance`` says of lines with the training's noise and population."""
    if not (table["value"] == "own").any():
        return []
    said = f"On as many new lines like those of its training ({_population(drawn)}, "
    return [said + f"{_noise(drawn)} noise):", "", *_by_tolerance(table, "own", rate), ""]


def _beside_others(table: pd.DataFrame) -> list[str]:
    """F1 of all the networks by noise and population, where there are several."""
    varied = ["noise_percent", "population"]
    at = table[(table["tolerance"] == TOLERANCE) & table["factor"].isin(varied)]
    names = list(at["network"].unique())
    if len(names) < 2:
        return []
    cells = at.set_index(["factor", "value", "network", "score"])["mean_f1"]
    head = " | ".join(f"`{name}`" for name in names)
    rows = [
        "The same lines, beside other networks with their own thresholds "
        f"(`upstream` / `matched` F1 at {TOLERANCE} samples):",
        "",
        f"| lines | {head} |",
        "|---" * (1 + len(names)) + "|",
    ]
    for factor, value in dict.fromkeys(zip(at["factor"], at["value"], strict=True)):
        scores = [
            " / ".join(f"{cells[factor, value, name, score]:.3f}" for score in SCORERS)
            for name in names
        ]
        title = f"{value} % noise" if factor == "noise_percent" else value
        rows.append(f"| {title} | {' | '.join(scores)} |")
    return [*rows, ""]


def _by_tolerance(table: pd.DataFrame, value: str, rate: float) -> list[str]:
    head = "| network | score | " + " | ".join(f"t = {t}" for t in TOLERANCES) + " |"
    rows = [head, "|---" * (2 + len(TOLERANCES)) + "|"]
    whole = table[(table["factor"] == "lines") & (table["value"] == value)]
    for (network, score_name), group in whole.groupby(["network", "score"], sort=False):
        cells = [
            f"{row.mean_f1:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]" for row in group.itertuples()
        ]
        rows.append(f"| `{network}` | {LABELS[score_name]} | " + " | ".join(cells) + " |")
        if group["abs_error_samples"].notna().all():
            cells = [_error(row.abs_error_samples, rate) for row in group.itertuples()]
            rows.append(f"| `{network}` | error | " + " | ".join(cells) + " |")
    return rows


def _by_condition(own: pd.DataFrame, rate: float) -> list[str]:
    titles = {
        "lines": "all of them",
        "noise_percent": "noise, %",
        "population": "population",
        "bubbles": "bubbles a line",
        "pressure_kpa": "pressure, kPa",
        "sampling_rate_mhz": "sampling rate, MHz",
    }
    rows = [
        "| lines | | number | `upstream` F1 | `matched` F1 | error | half samples |",
        "|---|---|---|---|---|---|---|",
    ]
    labels = {"own": "like its training's"}
    at = own[own["tolerance"] == TOLERANCE]
    for factor, title in titles.items():
        for value, group in at[at["factor"] == factor].groupby("value", sort=False):
            by = group.set_index("score")
            scores = [
                f"{by.loc[s, 'mean_f1']:.3f} [{by.loc[s, 'ci_low']:.3f}, "
                f"{by.loc[s, 'ci_high']:.3f}]"
                for s in LABELS
                if s in by.index
            ]
            error = _error(by.loc["matched", "abs_error_samples"], rate)
            rows.append(
                f"| {title} | {labels.get(value, value)} | {by['lines'].iloc[0]} | {scores[0]} "
                f"| {scores[1]} | {error} | {scores[2] if len(scores) > 2 else '–'} |"
            )
    return rows


def _limits(network: Localiser, drawn: dict) -> list[str]:
    field = 2 * network.padding + 1
    said = [
        "* It knows one pulse and one transducer, those of the simulator "
        "(1.7 MHz, [docs/simulator.md](../simulator.md)). For another pulse, simulate lines with "
        "it and train again.",
        "* It was never shown tissue, walls, reverberation or clutter, and takes them for bubbles.",
        f"* It sees at most {field} samples ({1e6 * field / network.sampling_rate_hz:.3g} µs) "
        "around a sample; shorter lines than half of that are refused.",
        "* Two bubbles whose echoes start within a sample or two are found as one; half samples "
        "(`--half-samples`) part some of them.",
        "* Positions are those at which echoes *start*; their energy comes later.",
    ]
    if not drawn.get("noise_percent"):
        said.insert(
            1,
            "* It was trained without noise: the table shows what noise does to it. "
            "Filter to the transducer's band before, or calibrate a threshold on lines like yours.",
        )
    if network.input_scaling == "line_rms":
        said.append(
            "* Each line is divided by its own root mean square: one echo far stronger than the "
            "rest makes the rest weak. Cut off the transmitted pulse."
        )
    return said


def _error(samples: float, rate: float) -> str:
    return f"{samples:.2f} samples, {float(micrometres(samples, rate)):.1f} µm"


def _range(values) -> str:
    return "?" if values is None else f"{values[0]:g} to {values[1]:g}"


def _mhz(values) -> str:
    return f"{values[0] / 1e6:.2f} to {values[1] / 1e6:.2f}"


def _beside(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=model.safetensors")
    return name, Path(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="a shipped network, such as best")
    parser.add_argument("--lines", type=int, default=960)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--first-line", type=int, default=2_000_000)
    parser.add_argument(
        "--beside",
        type=_beside,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="score another model on the same lines, with the thresholds beside it",
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="linear filters and sparse deconvolution on the same clean lines",
    )
    parser.add_argument("--validation-lines", type=int, default=512, help="for the baselines")
    parser.add_argument("--work", type=Path, default=ROOT / "results" / "model_card")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", type=Path, help="instead of benchmarks/results/...")
    parser.add_argument("--page", type=Path, help="instead of docs/models/NAME.md")
    parser.add_argument("--write-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
