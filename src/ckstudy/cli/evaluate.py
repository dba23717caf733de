"""Scores: calibration, evaluation and baselines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ckstudy.cli.arguments import STEPS, Device, HalfSamples, Threads
from ckstudy.errors import StudyError

if TYPE_CHECKING:
    import numpy as np

    from ckstudy.dataset import Lines
    from ckstudy.scoring.evaluation import Predictor

BatchSize = Annotated[int, typer.Option(min=1, help="Lines that a thread takes at a time.")]
Resamples = Annotated[int, typer.Option(min=1, help="Bootstrap resamples of an interval.")]


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("calibrate", rich_help_panel=STEPS)(calibrate)
    app.command("evaluate", rich_help_panel=STEPS)(evaluate)
    app.command("baselines", rich_help_panel=STEPS)(baselines)


def calibrate(
    model: Annotated[Path, typer.Option(metavar="FILE", help="Released model (safetensors).")],
    train: Annotated[Path, typer.Option(metavar="FILE", help="Training lines (HDF5).")],
    validation: Annotated[Path, typer.Option(metavar="FILE", help="Validation lines (HDF5).")],
    thresholds_out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write the thresholds (CSV).")
    ],
    scores_out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Where to write the scores of the training lines (CSV)."),
    ],
    half_samples: HalfSamples = False,
    device: Device = "auto",
    threads: Threads = 0,
    batch_size: BatchSize = 16,
) -> None:
    """Choose the threshold of best mean F1 for every tolerance; never sees a test line."""
    from ckstudy.dataset import read_lines
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.records import recorded
    from ckstudy.scoring.evaluation import calibrate_model
    from ckstudy.scoring.score_files import model_digest, write_table

    with recorded(
        "calibrate",
        entries=["ckstudy.cli.evaluate:calibrate"],
        inputs=[model, train, validation],
        outputs=[thresholds_out, scores_out],
        parameters={"half_samples": True} if half_samples else None,
        device=device,
    ):
        with own_card(device):
            _check_noise(model, train, validation)
            predict = _predictor(model, device, threads, batch_size, half_samples)
            chosen, train_scores = calibrate_model(
                predict, read_lines(train), read_lines(validation), model_digest(model)
            )
        write_table(scores_out, train_scores)
        write_table(thresholds_out, chosen)


def evaluate(
    model: Annotated[Path, typer.Option(metavar="FILE", help="Released model (safetensors).")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="Test lines (HDF5).")],
    thresholds: Annotated[
        Path, typer.Option(metavar="FILE", help="The model's thresholds, from calibrate.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write the scores of the lines (CSV).")
    ],
    outputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to keep what the network put out for the lines (HDF5)."
        ),
    ] = None,
    half_samples: HalfSamples = False,
    device: Device = "auto",
    threads: Threads = 0,
    batch_size: BatchSize = 16,
) -> None:
    """Score test lines at the thresholds that calibrate chose."""
    from contextlib import nullcontext

    from ckstudy.dataset import read_lines
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.records import recorded
    from ckstudy.scoring.evaluation import evaluate_model
    from ckstudy.scoring.output_file import recorded as recorded_outputs
    from ckstudy.scoring.score_files import model_digest, read_thresholds, write_table

    if half_samples and outputs is not None:
        raise StudyError(
            "--outputs keeps one output a sample, and there are two with --half-samples: leave "
            "one of the two options out"
        )
    with recorded(
        "evaluate",
        entries=["ckstudy.cli.evaluate:evaluate"],
        inputs=[model, thresholds, test],
        outputs=[out] if outputs is None else [out, outputs],
        parameters={"half_samples": True} if half_samples else None,
        device=device,
    ):
        digest = model_digest(model)
        read_thresholds(thresholds, digest)  # a wrong file is said before anything is computed
        with own_card(device):
            _check_noise(model, test)
            predict = _predictor(model, device, threads, batch_size, half_samples)
            lines = read_lines(test)
            kept = outputs and recorded_outputs(predict, outputs, lines, digest)
            with kept or nullcontext(predict) as predict:
                scores = evaluate_model(predict, lines, thresholds, digest)
        write_table(out, scores)


def baselines(
    train: Annotated[Path, typer.Option(metavar="FILE", help="Training lines (HDF5), to fit on.")],
    validation: Annotated[
        Path, typer.Option(metavar="FILE", help="Validation lines, to choose thresholds on.")
    ],
    test: Annotated[Path, typer.Option(metavar="FILE", help="Test lines, to score.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write the mean scores (CSV).")
    ],
    lines_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to write the lines' scores at the tolerance (CSV)."
        ),
    ] = None,
    tolerance: Annotated[
        int, typer.Option(min=0, max=9, help="Tolerance of the study, in samples.")
    ] = 4,
    resamples: Resamples = 2000,
) -> None:
    """Score predictors that a network has to beat: input-independent ones and linear filters."""
    from ckstudy.dataset import read_lines
    from ckstudy.records import recorded
    from ckstudy.scoring.baselines import score_baselines
    from ckstudy.scoring.score_files import write_table

    with recorded(
        "baselines",
        entries=["ckstudy.cli.evaluate:baselines"],
        inputs=[train, validation, test],
        outputs=[out] if lines_out is None else [out, lines_out],
        parameters={"tolerance": tolerance, "resamples": resamples},
    ):
        summary, line_table = score_baselines(
            read_lines(train),
            read_lines(validation),
            read_lines(test),
            tolerance=tolerance,
            resamples=resamples,
        )
        if lines_out is not None:
            write_table(lines_out, line_table)
        write_table(out, summary)
    for row in summary[summary["tolerance"] == tolerance].itertuples():
        print(f"{row.baseline:<22} {row.score:<9} F1 {row.mean_f1:.4f} at tolerance {tolerance}")


def _check_noise(model: Path, *lines: Path) -> None:
    from ckstudy.networks.release import read_provenance
    from ckstudy.study.lines import check_noise_of_lines
    from ckstudy.study.spec import RunSpec

    if spec := read_provenance(model).get("spec"):
        check_noise_of_lines(RunSpec.from_json(spec, str(model)), *lines)


def _predictor(
    model: Path, device: str, threads: int, batch_size: int, half_samples: bool
) -> "Predictor":
    """The model as what :mod:`ckstudy.scoring.evaluation` calls."""
    import torch

    from ckstudy.devices.torch_device import resolve_device
    from ckstudy.networks.predict import predict_lines
    from ckstudy.networks.release import load_model

    if threads:
        torch.set_num_threads(threads)
    place = resolve_device(device)
    network = load_model(model).to(place)

    def predict(lines: "Lines", rows: slice) -> "np.ndarray":
        return predict_lines(network, lines.rf[rows], batch_size=batch_size, device=place)

    if not half_samples:
        return predict
    from ckstudy.localisation.half_samples import predict_at_half_samples
    from ckstudy.localisation.resample import Grid

    def predict_twice(lines: "Lines", rows: slice) -> "np.ndarray":
        rf = lines.rf[rows]
        grid = Grid.between(lines.sampling_rate_hz, network.sampling_rate_hz, rf.shape[1])
        return predict_at_half_samples(network, rf, grid, batch_size=batch_size)

    return predict_twice
