"""Making a trained network one to be shipped: all that using it takes, in its one file.

The network of a run is copied as it is. Into the file's metadata go the thresholds that
``ckstudy calibrate`` chose for it, and what its training lines look like, so that lines of a
user's own can be held against them.
"""

from pathlib import Path

from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.localisation.calibration import FILES, KEYS
from ckstudy.localisation.likeness import training_data
from ckstudy.networks.release import load_model, read_provenance, save_model
from ckstudy.scoring.score_files import SCORES, SPLITS, model_digest, read_thresholds
from ckstudy.training.identity import data_hashes

LARGEST_BYTES = 1_000_000
DESCRIBED = 1024  # lines whose ranges stand for those of the training


def release(run: str | Path, train: str | Path, validation: str | Path, out: str | Path) -> None:
    """Write ``out``, a model file with thresholds and a description of its training lines.

    Parameters
    ----------
    run : str or Path
        Folder of a trained and calibrated run: ``model.safetensors`` and ``thresholds.csv``, and
        where it is to be used at half samples too ``half_sample_thresholds.csv``.
    train, validation : str or Path
        The lines that it was trained on and calibrated with (HDF5).
    out : str or Path
        The file to write; for a shipped network ``src/ckstudy/networks/weights/NAME.safetensors``.

    Raises
    ------
    StudyError
        Where the lines are not those of the training, the thresholds are another model's, a file
        is missing, or the result is larger than 1 MB.
    """
    model = Path(run) / "model.safetensors"
    about = read_provenance(model)
    digest = model_digest(model)
    thresholds = {KEYS[False]: _thresholds(Path(run) / FILES[False], digest)}
    if (Path(run) / FILES[True]).is_file():
        thresholds[KEYS[True]] = _thresholds(Path(run) / FILES[True], digest)
    if about.get("data") != data_hashes(Path(train), Path(validation)):
        raise StudyError(f"{train} and {validation} are not the lines that {model} was trained on")
    lines = read_lines(train, slice(0, DESCRIBED))
    kept = {key: about[key] for key in about if key not in ("format", "network", "input_scaling")}
    described = training_data(lines.rf, lines.sampling_rate_hz, lines.attributes["parameters"])
    save_model(
        out,
        load_model(model),
        **kept | thresholds | {"released_from": digest, "training_data": described},
    )
    size = Path(out).stat().st_size
    if size > LARGEST_BYTES:
        Path(out).unlink()
        raise StudyError(f"the model takes {size} bytes; what is shipped stays below 1 MB")


def _thresholds(path: Path, digest: str) -> dict[str, dict[str, list]]:
    chosen = read_thresholds(path, digest)
    return {split: {score: chosen[split, score] for score in SCORES} for split in SPLITS}
