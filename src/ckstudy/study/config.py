"""A study's config: read, merged and checked.

Plain Python, no torch: for the workflow, and for a machine that has little more than torch.
"""

from pathlib import Path

from ckstudy.errors import StudyError

# What a training, and the simulation of its lines, cannot do without.
_NEEDED = {
    "": ("results", "device", "preset", "seed", "data", "networks", "training", "loss"),
    "data": ("seed", "lines"),
    "training": (
        "epochs",
        "batch_size",
        "decay_epochs",
        "decay_factor",
        "validation_every",
    ),
}
_SECTIONS = ("", "data", "training", "loss", "evaluation")


def read_configs(paths: list[Path]) -> dict:
    """The study config that ``paths`` make, each overlaying those before it.

    Mappings are merged and everything else is replaced, as Snakemake's ``--configfile`` does.

    Raises
    ------
    StudyError
        For a file that is missing, is not YAML or is not a mapping.
    """
    import yaml

    config: dict = {}
    for path in paths:
        try:
            layer = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StudyError(f"config {path} cannot be read: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise StudyError(f"config {path} is not valid YAML: {error}") from None
        if not isinstance(layer, dict):
            raise StudyError(f"config {path} holds no mapping of keys to values")
        _overlay(config, layer)
    return config


def _overlay(below: dict, above: dict) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _overlay(below[key], value)
        else:
            below[key] = value


def check_config(config: dict, base: dict) -> dict:
    """``config`` itself, if it can be trained.

    The workflow checks a config in depth, by its schema. This is for a machine that has little
    more than torch, where a mistyped key would otherwise train something else for hours.

    Parameters
    ----------
    config : dict
        A study config, overlays included.
    base : dict
        The one below all overlays, which names every key.

    Raises
    ------
    StudyError
        For a key that is missing, or that an overlay has and the base does not.
    """
    for section in _SECTIONS:
        found, known = (_section(each, section) for each in (config, base))
        where = f"section {section!r} of the config" if section else "the config"
        if missing := [key for key in _NEEDED.get(section, ()) if key not in found]:
            raise StudyError(f"{where} lacks {', '.join(missing)}; start from config/config.yaml")
        if unknown := [key for key in found if key not in known]:
            raise StudyError(
                f"{where} has no key {', '.join(map(repr, unknown))}; it has {', '.join(known)}"
            )
    return config


def _section(config: dict, name: str) -> dict:
    return (config.get(name) or {}) if name else config
