r"""What the running statistics of batch norm cost the archived networks.

    snakemake --cores 2 --configfile config/laptop.yaml \
        --config 'training={batch_norm_statistics: running}'
    python benchmarks/batch_norm.py --results results/laptop

(Networks that were released with population statistics, as those that `config/archive.yaml`
restores, show no difference.) Scores every network of a study twice: as released, with the running
averages that training left, and with population statistics taken from training lines afterwards
(:mod:`ckstudy.networks.batch_norm`). Thresholds are chosen on training lines, both times, and the
scores are those of validation lines. No test line is read.
"""

import argparse
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import ckstudy
from ckstudy.dataset import Lines, read_lines
from ckstudy.files import write_text
from ckstudy.networks.batch_norm import take_population_statistics
from ckstudy.networks.predict import predict_lines
from ckstudy.provenance import commit
from ckstudy.scoring.evaluation import SCORERS, score_lines
from ckstudy.scoring.thresholds import THRESHOLDS, calibrate
from ckstudy.study.folder import StudyFolder

OUT = Path(__file__).parent / "results" / "batch_norm.csv"
TOLERANCE = 4  # samples
SCORE = "upstream"


def f1(network, train: Lines, validation: Lines) -> tuple[float, float]:
    """The threshold that is best on training lines, and the mean F1 of validation lines at it."""

    def predict(lines, rows):
        return predict_lines(network, lines.rf[rows])

    wanted = {SCORE: THRESHOLDS}
    counts = score_lines(predict, train, wanted)[SCORE]
    best = calibrate(SCORERS[SCORE].f1(counts)).index[TOLERANCE]
    scores = SCORERS[SCORE].f1(score_lines(predict, validation, wanted)[SCORE])
    return float(THRESHOLDS[best]), float(scores[:, TOLERANCE, best].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--results", type=Path, required=True, help="folder of a study's results")
    parser.add_argument("--lines", type=int, default=64, help="validation lines, and of training")
    parser.add_argument("--statistics", type=int, default=128, help="lines for the statistics")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    folder = StudyFolder(arguments.results)
    # Networks of noisy lines have lines of their own, and are left out.
    runs = [
        path.parent.name
        for path in sorted(arguments.results.glob("runs/*/model.safetensors"))
        if "-noise" not in path.parent.name
    ]
    train = read_lines(folder.data("train"), slice(0, arguments.lines))
    validation = read_lines(folder.data("validation"), slice(0, arguments.lines))
    statistics = read_lines(folder.data("train"), slice(0, arguments.statistics)).rf
    rows = []
    for run in tqdm(runs, unit="network", disable=None):
        network = ckstudy.load_model(folder.run(run) / "model.safetensors")
        released = f1(network, train, validation)
        population = f1(take_population_statistics(network, statistics), train, validation)
        rows.append((run, *released, *population, population[1] - released[1]))
    table = pd.DataFrame(
        rows,
        columns=[
            "run",
            "threshold_released",
            "f1_released",
            "threshold_population",
            "f1_population",
            "difference",
        ],
    ).assign(lines=arguments.lines, statistics_lines=arguments.statistics, commit=commit())
    write_text(arguments.out, table.to_csv(index=False, float_format="%.6g"))
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
