"""A results directory as the study writes it, with made-up numbers, for the tests of its readers.

Everything follows from a seed. The scores are drawn, not computed: what the readers print can
be checked against the drawn numbers, and says nothing about any network.
"""

import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

STUDY = {
    "study": "tiny",
    "claims": {"equal_f1": 0.02, "large_gap": 0.05},
    "missing": {},
    "analyses": ["failures", "instability", "anatomy", "noise_levels", "other_bubbles"],
}
LINES = {"train": 24, "validation": 12, "test": 40}
BASELINES = {"comb": 0.595, "random": 0.44}
LINEAR = "ridge_fir_521"


def run_specs() -> list[tuple[dict, list[str]]]:
    """Specs and experiments: some members of the thesis's grid, and one that it has not."""
    specs = [
        (_spec("cnn_dilated-s0", {"name": "cnn_dilated"}), ["dilated"]),
        (
            _spec("ckcnn_dilated-w8-s0", {"name": "ckcnn_dilated", "omega_0": 8.0}),
            ["dilated"],
        ),
    ]
    for size, omega_0, experiments in (
        (33, 30.0, ["kernel_size"]),
        (65, 30.0, ["kernel_size"]),
        (131, 30.0, ["kernel_size", "omega_0"]),
        (527, 30.0, ["omega_0"]),
        (131, 10.0, ["omega_0"]),
        (527, 10.0, ["omega_0"]),
    ):
        network = {"name": "ckcnn", "kernel_size": size, "omega_0": omega_0, "channels": 15}
        specs.append((_spec(f"ckcnn-k{size}-w{omega_0:.0f}-s0", network), experiments))
    return specs


def beyond_specs() -> list[tuple[dict, list[str]]]:
    """The same, with further seeds, an experiment with noise, and two other readings."""
    specs = run_specs()
    for spec, experiments in specs:
        if spec["run"] in ("ckcnn-k33-w30-s0", "ckcnn-k65-w30-s0", "ckcnn-k131-w30-s0"):
            experiments.append("noise")
    for seed in (1, 2):
        network = {"name": "ckcnn", "kernel_size": 65, "omega_0": 30.0, "channels": 15}
        specs.append((_spec(f"ckcnn-k65-w30-s{seed}", network, seed), ["seeds"]))
    for size in (33, 65, 131):
        network = {"name": "ckcnn", "kernel_size": size, "omega_0": 30.0, "channels": 15}
        spec = _spec(f"ckcnn-k{size}-w30-noise32-s0", network)
        specs.append(({**spec, "data": {"noise_percent": 32.0}}, ["noise"]))
    network = {"name": "ckcnn", "kernel_size": 65, "omega_0": 30.0, "channels": 22}
    specs.append((_spec("ckcnn-k65-w30-channels_22-s0", network), ["readings"]))
    spec = _spec("ckcnn-k65-w30-input_scaling_volts-s0", {**network, "channels": 15})
    spec["training"]["input_scaling"] = "volts"
    specs.append((spec, ["readings"]))
    return specs


def long_specs(
    sizes: tuple[int, ...] = (65, 131, 263, 527, 1055, 2111), seeds: int = 3
) -> list[tuple[dict, list[str]]]:
    """The conventional CNN, and two arms of config/long_kernels.yaml."""
    specs = [
        (_spec(f"cnn_dilated-s{seed}", {"name": "cnn_dilated"}, seed), ["dilated"])
        for seed in range(seeds)
    ]
    mended = {"kernel_init": "balanced", "window": 30.0}
    for arm, start, more in (
        ("long_thesis", "", {"kernel_init": "siren"}),
        ("long_balanced_windowed", "-kernel_init_balanced-window30", mended),
    ):
        for size in sizes:
            network = {"name": "ckcnn", "kernel_size": size, "omega_0": 30.0, **more}
            for seed in range(seeds):
                run = f"ckcnn-k{size}-w30{start}-s{seed}"
                specs.append((_spec(run, network, seed), [arm]))
    return specs


def mended_noise_specs(sizes: tuple[int, ...], seeds: int) -> list[tuple[dict, list[str]]]:
    """:func:`long_specs` with ``noise_balanced_windowed``: its networks, and twins with noise."""
    specs = long_specs(sizes, seeds)
    twins = []
    for spec, experiments in specs:
        if experiments == ["long_balanced_windowed"]:
            experiments.append("noise_balanced_windowed")
            twin = {**spec, "run": spec["run"].replace("-s", "-noise32-s")}
            twins.append(({**twin, "data": {"noise_percent": 32.0}}, ["noise_balanced_windowed"]))
    return [*specs, *twins]


def grid_specs(sizes: tuple[int, ...], omegas: tuple[float, ...]) -> list[tuple[dict, list[str]]]:
    """The maps of config/full_grid.yaml, and the dilated pair."""
    specs = [(spec, ["full_dilated"]) for spec, _ in run_specs()[:2]]
    mended = {"kernel_init": "balanced", "window": 16.0}
    for experiment, name, more in (
        ("full_thesis", "ckcnn", {}),
        ("full_mended", "ckcnn", mended),
        ("full_residual", "ckcnn_residual", {}),
    ):
        for size in sizes:
            for omega_0 in omegas:
                network = {"name": name, "kernel_size": size, "omega_0": omega_0, **more}
                run = f"{experiment}-k{size}-w{omega_0:g}-s0"
                specs.append((_spec(run, network), [experiment]))
    return specs


def write_results(
    directory: Path,
    seed: int = 0,
    specs: list[tuple[dict, list[str]]] | None = None,
    *,
    tolerances: Sequence[int] = range(10),
) -> dict[str, np.ndarray]:
    """Write the study and return the upstream test F1 (lines,) of each run at tolerance 4.

    A large study is written and read in less time with fewer ``tolerances``.
    """
    specs = run_specs() if specs is None else specs
    files, test_f1 = _files(seed, json.dumps(specs), tuple(tolerances))
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return dict(test_f1)


@cache
def _files(
    seed: int, specs: str, tolerances: tuple[int, ...]
) -> tuple[dict[str, bytes], dict[str, np.ndarray]]:
    """The study's files by name, drawn once for all the tests that want the same."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        test_f1 = _draw_results(directory, seed, json.loads(specs), tolerances)
        paths = [path for path in directory.rglob("*") if path.is_file()]
        return {str(path.relative_to(directory)): path.read_bytes() for path in paths}, test_f1


def write_imaging(directory: Path, seed: int = 0) -> dict[str, pd.DataFrame]:
    """What a study measures of images: the tables by name, as they are written."""
    rng = np.random.default_rng(seed)
    methods = ("raw", "best")
    tables = {
        "thresholds": pd.DataFrame(
            {"method": methods, "threshold": [2.5, 0.8], "lag_um": [975.0, 0.0], "frames": 4}
        ).assign(f1=[0.4, 0.99]),
        "point_spread": pd.DataFrame(
            [
                (method, depth, point, *rng.uniform(5, 2000, 2), *rng.normal(0, 20, 2))
                for point in range(3)
                for depth in (20, 80)
                for method in methods
            ],
            columns=[
                "method",
                "depth_mm",
                "point",
                "axial_fwhm_um",
                "lateral_fwhm_um",
                "axial_bias_um",
                "lateral_bias_um",
            ],
        ),
        "pairs": pd.DataFrame(
            [
                (method, direction, distance, 20, point, int(rng.integers(2)))
                for direction in ("axial", "lateral")
                for distance in (100, 400)
                for point in range(3)
                for method in methods
            ],
            columns=["method", "direction", "distance_um", "depth_mm", "point", "resolved"],
        ),
        "detections": pd.DataFrame(
            [
                (method, *condition, frame, *rng.uniform(0.3, 1, 3))
                for condition in ((500, 0, 200), (1000, 0, 200), (500, 2, 200))
                for frame in range(2)
                for method in methods
            ],
            columns=[
                "method",
                "bubbles",
                "noise_percent",
                "pressure_kpa",
                "frame",
                "f1",
                "precision",
                "recall",
            ],
        ),
    }
    for name, table in tables.items():
        (directory / "imaging").mkdir(exist_ok=True)
        table.to_csv(directory / "imaging" / f"{name}.csv", index=False)
    return tables


def _draw_results(
    directory: Path, seed: int, specs: list, tolerances: Sequence[int]
) -> dict[str, np.ndarray]:
    (directory / "study.json").write_text(json.dumps(STUDY))
    write_imaging(directory)
    rng = np.random.default_rng(seed)
    bubbles = {split: rng.integers(10, 1000, count) for split, count in LINES.items()}
    pressure = {split: rng.uniform(5, 250, count) for split, count in LINES.items()}
    summary, test_f1 = [], {}
    for index, (spec, experiments) in enumerate(specs):
        run = spec["run"]
        folder = directory / "runs" / run
        folder.mkdir(parents=True)
        (folder / "spec.json").write_text(json.dumps(spec))
        _history(rng, spec["training"]["epochs"]).to_csv(folder / "history.csv", index=False)
        level = 0.9 - 0.05 * min(index, 7)
        rows = {"train": [], "test": []}
        thresholds = []
        for score, loss in (("upstream", 0.0), ("matched", 0.2)):
            for tolerance in tolerances:
                middle = (level - loss) * (0.5 + 0.05 * tolerance)
                for calibration, threshold in (("train", 0.15), ("validation", 0.2)):
                    thresholds.append((calibration, score, tolerance, threshold, middle))
                    for split in ("train", "test"):
                        if (split, calibration) == ("train", "validation"):
                            continue
                        f1 = _draw(rng, middle, bubbles[split])
                        rows[split].append(
                            _lines(f1, bubbles[split], pressure[split], calibration).assign(
                                score=score, tolerance=tolerance, threshold=threshold
                            )
                        )
                        row = _summary_row(
                            spec, experiments, split, calibration, score, tolerance, f1
                        )
                        summary.append({**row, "threshold": threshold})
                        if (split, calibration, score, tolerance) == (
                            "test",
                            "validation",
                            "upstream",
                            4,
                        ):
                            test_f1[run] = f1
        for split, parts in rows.items():
            pd.concat(parts).to_csv(folder / f"{split}.csv", index=False)
        columns = ["split", "score", "tolerance", "threshold", "mean_f1"]
        pd.DataFrame(thresholds, columns=columns).to_csv(folder / "thresholds.csv", index=False)
    pd.DataFrame(summary).to_csv(directory / "summary.csv", index=False)
    (directory / "analyses").mkdir()
    for name, table in _analyses(np.random.default_rng(seed), [s["run"] for s, _ in specs]).items():
        table.to_csv(directory / "analyses" / f"{name}.csv", index=False)
    means, lines = _baselines(bubbles["test"], pressure["test"])
    means.to_csv(directory / "baselines.csv", index=False)
    lines.to_csv(directory / "baseline_lines.csv", index=False)
    return test_f1


def _spec(name: str, network: dict, seed: int = 0) -> dict:
    training = {
        "epochs": 12,
        "batch_size": 8,
        "crop": 1024,
        "optimizer_step": "batch",
        "learning_rate": 0.01,
        "input_scaling": "line_rms",
        "seed": seed,
    }
    loss = {"epsilon_1": 1.0, "epsilon_2": 1.6, "alpha": 0.1}
    return {
        "run": name,
        "preset": "thesis-counts",
        "network": network,
        "training": training,
        "loss": loss,
    }


def _history(rng, epochs: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    train = 1.9 * np.exp(-epoch / 10) + 0.4 + 0.02 * rng.standard_normal(epochs)
    validation = np.where(epoch % 3 == 0, train + 0.1, np.nan)
    rate = np.where(epoch <= 10, 0.01, 0.001)
    return pd.DataFrame(
        {"epoch": epoch, "train_loss": train, "validation_loss": validation, "learning_rate": rate}
    )


def _draw(rng, middle: float, bubbles: np.ndarray) -> np.ndarray:
    crowding = 0.1 * (500 - bubbles) / 500
    return np.clip(middle + crowding + 0.03 * rng.standard_normal(len(bubbles)), 0.001, 1.0)


def _lines(f1, bubbles, pressure, calibration: str) -> pd.DataFrame:
    hits = np.round(f1 * bubbles).astype(int)
    return pd.DataFrame(
        {
            "line": np.arange(len(f1)) + 2_000_000,
            "bubbles": bubbles,
            "pressure_kpa": pressure,
            "calibration": calibration,
            "true_positives": hits,
            "false_positives": bubbles - hits,
            "false_negatives": bubbles - hits,
            "f1": f1,
            "abs_error_samples": 1.0,
        }
    )


def _summary_row(spec: dict, experiments, split, calibration, score, tolerance, f1) -> dict:
    network = spec["network"]
    spread = 1.96 * f1.std() / np.sqrt(len(f1))
    parameters = {
        "cnn_dilated": 137_729,
        "ckcnn_dilated": 636_497,
        "ckcnn": 28_392,
        "ckcnn_residual": 28_648,
    }
    return {
        "run": spec["run"],
        "experiments": ";".join(experiments),
        "network": network["name"],
        "kernel_size": network.get("kernel_size"),
        "omega_0": network.get("omega_0"),
        "parameters": parameters[network["name"]],
        "noise_percent": spec.get("data", {}).get("noise_percent", 0.0),
        "split": split,
        "calibration": calibration,
        "score": score,
        "tolerance": tolerance,
        "mean_f1": f1.mean(),
        "median_f1": np.median(f1),
        "ci_low": f1.mean() - spread,
        "ci_high": f1.mean() + spread,
        "lines": len(f1),
    }


def _baselines(bubbles: np.ndarray, pressure: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    summary, lines = [], []
    for name, mean in BASELINES.items():
        for score, loss in (("upstream", 0.0), ("matched", 0.1)):
            f1 = mean - loss + 0.1 * (500 - bubbles) / 500
            f1 += mean - loss - f1.mean()
            spread = 1.96 * f1.std() / np.sqrt(len(f1))
            rows = _lines(f1, bubbles, pressure, "validation")
            lines.append(rows.assign(baseline=name, score=score, tolerance=4, threshold=0.5))
            for tolerance in range(10):
                row = {"baseline": name, "score": score, "tolerance": tolerance, "threshold": 0.5}
                ends = {"ci_low": mean - loss - spread, "ci_high": mean - loss + spread}
                summary.append({**row, "mean_f1": mean - loss, **ends, "lines": len(f1)})
    return pd.DataFrame(summary), pd.concat(lines)


def _analyses(rng, runs: list[str]) -> dict[str, pd.DataFrame]:
    """The tables of what is looked into beyond the thesis, by file."""
    found = _failures(rng, runs) | _instability(rng, runs[:4]) | _anatomy(rng, runs)
    return found | _noise_levels(rng, runs) | _other_bubbles(rng, runs)


def _noise_levels(rng, runs: list[str]) -> dict[str, pd.DataFrame]:
    """Of up to four networks, one from elsewhere, one for each level there is, and the filter."""
    levels = (0.0, 2.0, 32.0)
    tested = [(run, np.nan, levels) for run in [*runs[:4], "elsewhere"]]
    tested += [(run, 32.0, (32.0,)) for run in runs if "noise32" in run]
    tested += [(LINEAR, level, (level,)) for level in levels]
    places = [
        {"run": run, "trained_percent": trained, "noise_percent": level}
        for run, trained, at in tested
        for level in at
    ]
    return {"noise_levels_scores": _tested(rng, places)}


def _other_bubbles(rng, runs: list[str]) -> dict[str, pd.DataFrame]:
    """Of up to four networks, one from elsewhere, and the filter."""
    places = [
        {"run": run, "bubbles": kind}
        for run in [*runs[:4], "elsewhere", LINEAR]
        for kind in ("own", "polydisperse", "marmottant")
    ]
    return {"other_bubbles_scores": _tested(rng, places)}


def _tested(rng, places: list[dict]) -> pd.DataFrame:
    """Scores at these places: by both scores and calibrations, the filter's by one, and bounds."""
    rows = []
    for place in places:
        for score in ("upstream", "matched"):
            for calibration in ("level", "own")[: 1 if place["run"] == LINEAR else 2]:
                f1 = rng.uniform(0.6, 0.9)
                found = {
                    "score": score,
                    "calibration": calibration,
                    "threshold": 0.2,
                    "mean_f1": f1 - (0.1 if calibration == "own" else 0),
                    "ci_low": f1 - 0.02,
                    "ci_high": f1 + 0.02,
                    "lines": 8,
                }
                rows.append(place | found)
    for run, upstream, matched in (("comb", 0.59, 0.49), ("ceiling", 1.0, 0.95)):
        for score, f1 in (("upstream", upstream), ("matched", matched)):
            row = {"run": run, "score": score, "calibration": "level", "threshold": 0.5}
            rows.append({**row, "mean_f1": f1, "ci_low": f1, "ci_high": f1, "lines": 8})
    return pd.DataFrame(rows)


def _instability(rng, runs: list[str]) -> dict[str, pd.DataFrame]:
    perturbations, bubbles, example = [], [], []
    series = [("none", "full", 0.0)]
    series += [
        (kind, band, norm)
        for kind in ("worst", "random")
        for band in ("full", "pulse")
        for norm in (0.01, 0.1)
    ]
    samples = np.arange(450, 650)
    for run in runs:
        for kind, band, norm in series:
            for line in (2_000_000, 2_000_001):
                perturbations.append(
                    {
                        "run": run,
                        "kind": kind,
                        "band": band,
                        "relative_norm": norm,
                        "line": line,
                        "norm": norm,
                        "output_change": norm * rng.uniform(1, 10),
                        "upstream_f1": rng.uniform(0.3, 0.9),
                        "matched_f1": rng.uniform(0.2, 0.8),
                    }
                )
            if band == "full":
                values = {"kind": kind, "relative_norm": norm, "sample": samples}
                values["signal"] = np.sin(samples / 5) + norm * rng.standard_normal(200)
                values["output"] = rng.uniform(0, 1, 200)
                values["truth"] = rng.poisson(0.05, 200)
                example.append(pd.DataFrame({"run": run, **values}))
        for kind in ("inserted", "removed"):
            for onset in (100, 500):
                row = {"run": run, "kind": kind, "line": 2_000_000, "onset": onset}
                row |= {"input_change": 0.1, "output_change": 0.2}
                bubbles.append({**row, "follows": rng.random() < 0.5, "elsewhere": 3})
    return {
        "instability_perturbations": pd.DataFrame(perturbations),
        "instability_bubbles": pd.DataFrame(bubbles),
        "instability_example": pd.concat(example),
    }


def _anatomy(rng, runs: list[str]) -> dict[str, pd.DataFrame]:
    lags = np.arange(-300, 301, 3.0)
    networks = [
        {
            "run": run,
            "samples": 900,
            "nominal": 600.0,
            "cut": 500.0,
            "width": rng.uniform(50, 300),
            "sigma": rng.uniform(10, 100),
            "centre": rng.uniform(-50, 50),
            "parameters": int(rng.uniform(1e4, 1e6)),
            "flops": int(rng.uniform(1e8, 1e10)),
            "kernel_flops": 1000,
            "memory_mb": rng.uniform(1, 20),
        }
        for run in runs
    ]
    profiles = [
        pd.DataFrame({"run": run, "lag": lags, "density": np.exp(-np.abs(lags) / 60) / 120})
        for run in runs
    ]
    times = {"device": "cpu", "threads": 1, "forward_ms": 8.0, "step_ms": 30.0}
    return {
        "anatomy_networks": pd.DataFrame(networks),
        "anatomy_profiles": pd.concat(profiles),
        "anatomy_times": pd.DataFrame([{"run": run, **times} for run in runs]),
    }


def _failures(rng, runs: list[str]) -> dict[str, pd.DataFrame]:
    bins, correlations, errors, curves = [], [], [], []
    factors = {"pressure_kpa": 250, "bubbles": 1000, "depth_mm": 100, "gap_us": 9, "radius_um": 3}
    samples = np.arange(-4, 5)
    for run in runs:
        level = rng.uniform(0.4, 0.9)
        for factor, highest in factors.items():
            spaced = np.geomspace if factor == "gap_us" else np.linspace
            edges = spaced(highest / 500, highest, 4)
            recall = np.clip(level + 0.1 * rng.standard_normal(3), 0, 1)
            known = np.nan if factor in ("gap_us", "radius_um") else 1.0
            bins.append(
                pd.DataFrame(
                    {
                        "run": run,
                        "factor": factor,
                        "low": edges[:-1],
                        "high": edges[1:],
                        "middle": (edges[:-1] + edges[1:]) / 2,
                        "recall": recall,
                        "f1": known * recall,
                        "abs_error_samples": 1 - recall / 2,
                    }
                )
            )
            correlations.append((run, factor, rng.uniform(-1, 1)))
        pairs = np.round(1000 * np.exp(-(samples**2) / 2)).astype(int)
        errors.append(
            pd.DataFrame(
                {
                    "run": run,
                    "error_samples": samples,
                    "error_ns": 16.0 * samples,
                    "error_um": 11.84 * samples,
                    "pairs": pairs,
                }
            )
        )
        recall = np.linspace(0.9, 0.1, 9)
        curves.append(
            pd.DataFrame(
                {
                    "run": run,
                    "threshold": np.arange(9) / 10,
                    "chosen": np.arange(9) == 4,
                    "precision": 1 - level * recall,
                    "recall": recall,
                }
            )
        )
    return {
        "failures_bins": pd.concat(bins),
        "failures_correlations": pd.DataFrame(
            correlations, columns=["run", "factor", "correlation"]
        ),
        "failures_errors": pd.concat(errors),
        "failures_precision_recall": pd.concat(curves),
    }


def write_lines_and_model(directory: Path, run: str = "cnn_dilated-s0", seed: int = 0) -> None:
    """Add the three data set files, of noise and arbitrary onsets, and an untrained network."""
    from ckstudy.dataset import Bubbles, Lines, write_lines
    from ckstudy.networks import build_network
    from ckstudy.networks.release import save_model

    rng = np.random.default_rng(seed)
    samples, rate = 900, 62.5e6
    for split, first in (("train", 0), ("validation", 1_000_000), ("test", 2_000_000)):
        count = LINES[split]
        onsets = rng.poisson(0.06, (count, samples)).astype(np.uint8)
        onsets[:, 0] = 0
        per_line = onsets.sum(axis=1, dtype=np.int64)
        total = int(per_line.sum())
        bubbles = Bubbles(
            np.concatenate([[0], np.cumsum(per_line)]).astype(np.int64),
            axial_m=rng.uniform(0.0, 0.1, total),
            lateral_m=rng.uniform(-0.01, 0.01, total),
            radius_m=rng.normal(2.4e-6, 1e-7, total),
            arrival_s=rng.uniform(0, samples / rate, total),
        )
        lines = Lines(
            rf=rng.normal(0, 1, (count, samples)).astype(np.float32),
            bubble_count=onsets,
            bubbles=bubbles,
            pressure=rng.uniform(5e3, 250e3, count),
            line_number=first + np.arange(count),
            sampling_rate_hz=rate,
        )
        (directory / "data").mkdir(exist_ok=True)
        write_lines(
            directory / "data" / f"{split}.h5",
            [lines],
            lines=count,
            samples=samples,
            bubbles=total,
            sampling_rate_hz=rate,
            parameters={"split": split, "lines": count},
            provenance={},
        )
    network = build_network("cnn_dilated", layers=3, channels=2, seed=seed)
    save_model(directory / "runs" / run / "model.safetensors", network)
