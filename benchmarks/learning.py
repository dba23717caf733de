r"""Which training settings learn, and how soon: curves and a table of the study ``learning``.

    ckstudy train-grid --config config/config.yaml --config config/learning.yaml --only learning
    python benchmarks/training.py --config config/config.yaml --config config/learning.yaml \
        --only learning --threads 1 --out benchmarks/results/training_learning.csv
    python benchmarks/learning.py --results results/learning

The last command gathers the losses of all trained networks into ``benchmarks/results``, draws
``docs/figures/learning`` and prints the table of docs/learning.md. Without ``--results`` it does
so from the losses that were gathered before.

A network has left the plateau when the mean training loss of five epochs is below 1.5: to predict
no bubble at all costs 1.9. Core-seconds are batches times the seconds that one takes alone, on one
thread, without the validations.
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.csv_files import read_csv
from ckstudy.errors import StudyError
from ckstudy.files import write_text
from ckstudy.networks.release import read_provenance
from ckstudy.report.figures import style

ROOT = Path(__file__).parents[1]
PLATEAU = 1.5
EPOCHS = 5
SETTINGS = ("optimizer_step", "learning_rate", "input_scaling", "kernel_init")
COLUMNS = ("run", "network", *SETTINGS, "seed", "batches_per_epoch", "commit")
# Colour for the rate, line for the scaling: eight curves are told apart by both.
COLOURS = {0.01: style.BLUE, 0.001: style.VERMILION}
DASHES = {"line_rms": "-", "volts": (0, (4, 1.5))}


def gather(results: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Settings of all trained networks of a study, and their losses by epoch and run."""
    rows, train, validation = [], {}, {}
    for path in sorted(results.glob("runs/*/model.safetensors")):
        about = read_provenance(path)
        spec, training = about["spec"], about["spec"]["training"]
        steps = about["optimiser_steps"] // training["epochs"]
        history = pd.read_csv(path.with_name("history.csv"), index_col="epoch")
        train[spec["run"]] = history["train_loss"]
        validation[spec["run"]] = history["validation_loss"]
        rows.append(
            {
                "run": spec["run"],
                "network": spec["network"]["name"],
                "kernel_init": spec["network"].get("kernel_init", ""),
                **{name: training[name] for name in (*SETTINGS[:3], "seed")},
                "batches_per_epoch": steps,
                "commit": about["environment"]["commit"],
            }
        )
    if not rows:
        raise StudyError(f"no network is trained in {results}; see the first lines of this file")
    settings = pd.DataFrame(rows, columns=list(COLUMNS))
    # One that steps once an epoch tells nothing of its batches; the others have as many.
    settings["batches_per_epoch"] = settings["batches_per_epoch"].max()
    return settings, pd.DataFrame(train), pd.DataFrame(validation)


def left_plateau(train_loss: pd.Series) -> int | None:
    """Epochs until the mean training loss of :data:`EPOCHS` epochs was below the plateau."""
    below = train_loss.rolling(EPOCHS).mean() < PLATEAU
    return int(below.idxmax()) + 1 if below.any() else None


def tabulate(
    settings: pd.DataFrame, train: pd.DataFrame, validation: pd.DataFrame, seconds: dict[str, float]
) -> pd.DataFrame:
    """A row for each network, the soonest past the plateau first, then by validation loss."""
    rows = []
    for member in settings.to_dict("records"):
        losses = train[member["run"]]
        epochs = left_plateau(losses)
        batches = None if epochs is None else epochs * member["batches_per_epoch"]
        steps = epochs if member["optimizer_step"] == "epoch" else batches
        rows.append(
            {
                **{name: member[name] for name in ("network", *SETTINGS, "seed")},
                "batches": batches,
                "optimiser_steps": steps,
                "core_seconds": batches and batches * seconds[member["network"]],
                "train_loss": losses.iloc[-EPOCHS:].mean(),
                "validation_loss": validation[member["run"]].dropna().iloc[-1],
            }
        )
    return pd.DataFrame(rows).sort_values(["core_seconds", "validation_loss"], ignore_index=True)


def draw(
    settings: pd.DataFrame, train: pd.DataFrame, validation: pd.DataFrame, seconds: dict[str, float]
) -> Figure:
    """A panel for each network, initialisation and kind of step; a curve for each network."""
    rows = list(dict.fromkeys(zip(settings["network"], settings["kernel_init"], strict=True)))
    steps = ("batch", "epoch")
    figure = Figure(figsize=(style.PAGE, 2.1 * len(rows) + 0.5), layout="constrained")
    panels = figure.subplots(len(rows), 2, sharex=True, sharey=True, squeeze=False)
    for (network, init), line in zip(rows, panels, strict=True):
        for step, panel in zip(steps, line, strict=True):
            chosen = settings.query(
                "network == @network and kernel_init == @init and optimizer_step == @step"
            )
            for member in chosen.to_dict("records"):
                _curve(panel, member, train[member["run"]], validation[member["run"]])
            panel.axhline(PLATEAU, color=style.GREY, linewidth=0.6, linestyle=":")
            title = f"{network}, {init}" if init else network
            panel.set_title(
                f"{title}: a step of Adam {'a batch' if step == 'batch' else 'an epoch'}"
            )
            panel.grid(True)
            _seconds_axis(panel, seconds[network])
        line[0].set_ylabel("dual loss")
    panels[0, 0].set_xlim(0, (train.index[-1] + 1) * settings["batches_per_epoch"].max())
    panels[0, 0].set_ylim(1.2, 2.1)
    for panel in panels[-1]:
        panel.set_xlabel("batches of 32 crops")
    _legend(panels[0, 1])
    style.footnote(
        figure,
        "Lines: training, mean of each epoch; dots (open: volts): validation lines, whole. Above "
        f"2.1: off the top. Dotted: {PLATEAU}. Top axes: core-seconds.",
    )
    return figure


def _curve(panel: Axes, member: dict, train: pd.Series, validation: pd.Series) -> None:
    colour = COLOURS[member["learning_rate"]]
    dashes = DASHES[member["input_scaling"]]
    batches = member["batches_per_epoch"]
    panel.plot((train.index + 1) * batches, train, color=colour, linestyle=dashes)
    held = validation.dropna()
    filled = colour if member["input_scaling"] == "line_rms" else "none"
    panel.plot(
        (held.index + 1) * batches,
        held,
        "o",
        color=colour,
        markerfacecolor=filled,
        markersize=2,
        markeredgewidth=0.5,
    )


def _seconds_axis(panel: Axes, seconds: float) -> None:
    top = panel.secondary_xaxis(
        "top", functions=(lambda batches: batches * seconds, lambda time: time / seconds)
    )
    top.tick_params(labelsize=6, length=2, pad=1)


def _legend(panel: Axes) -> None:
    for rate, colour in COLOURS.items():
        for scaling, dashes in DASHES.items():
            label = f"rate {rate:g}, {scaling}"
            panel.plot([], [], color=colour, linestyle=dashes, label=label)
    panel.legend(loc="upper right", fontsize=7, ncols=2)


def markdown(table: pd.DataFrame) -> str:
    """The table as the page has it."""
    lines = [
        "| network | kernel | step | rate | scaling | seed | left the plateau after: batches | "
        "steps of Adam | core-seconds | training loss | validation loss |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        left = [
            "never" if pd.isna(row[name]) else f"{row[name]:.0f}"
            for name in ("batches", "optimiser_steps", "core_seconds")
        ]
        cells = [
            f"`{row['network']}`",
            row["kernel_init"] or "",
            row["optimizer_step"],
            f"{row['learning_rate']:g}",
            row["input_scaling"],
            str(row["seed"]),
            *left,
            f"{row['train_loss']:.2f}",
            f"{row['validation_loss']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Gather, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, help="results of the study; else those gathered")
    parser.add_argument("--kept", type=Path, default=ROOT / "benchmarks/results")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs/figures/learning")
    options = parser.parse_args()
    kept = {name: options.kept / f"learning{name}.csv" for name in ("", "_train", "_validation")}
    if options.results:
        for path, table in zip(kept.values(), gather(options.results), strict=True):
            text = table.to_csv(index=table.index.name == "epoch", float_format="%.5g")
            write_text(path, text)
    settings = read_csv(kept[""], COLUMNS, "gather it by --results").fillna({"kernel_init": ""})
    train = pd.read_csv(kept["_train"], index_col="epoch")
    validation = pd.read_csv(kept["_validation"], index_col="epoch")
    speed = read_csv(
        options.kept / "training_learning.csv",
        ("network", "steps_per_second"),
        "measure it by benchmarks/training.py",
    )
    seconds = (1 / speed.groupby("network")["steps_per_second"].mean()).to_dict()
    with style.house_style():
        figure = draw(settings, train, validation, seconds)
        style.fix_ticks(figure)
    style.save(figure, options.figure)
    print(markdown(tabulate(settings, train, validation, seconds)))


if __name__ == "__main__":
    main()
