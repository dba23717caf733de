"""The JSON schema of a config, made from the checks of the specs.

For editors and for readers: :func:`ckstudy.study.config.read_study` is what checks a config, and a
test holds the two together. ``python -m ckstudy.study.schema`` writes it.
"""

import sys

from ckstudy.acoustics import specification
from ckstudy.study.analyses import SPECS
from ckstudy.study.checks import (
    Check,
    ListOf,
    ModelName,
    Name,
    Number,
    Optional,
    Whole,
    field_checks,
)
from ckstudy.study.config import ClaimMargins, EvaluationSpec, Study
from ckstudy.study.grid import AXES
from ckstudy.study.imaging import ImagingSpec
from ckstudy.study.lines import SPLITS
from ckstudy.study.presets import NETWORKS, OPTIONS, PRESETS
from ckstudy.study.spec import NOISE_PERCENT, LossSpec, TrainingSpec

_DATA = {
    "seed": Whole(0),
    "bubbles": ListOf(Whole(0, specification.MAXIMUM_BUBBLES), length=2),
    "pressure_kpa": ListOf(
        Number(specification.PRESSURES_KPA[0], specification.PRESSURES_KPA[1]), length=2
    ),
}


def config_schema() -> dict:
    """The schema of a whole config (JSON Schema, draft 2020-12)."""
    data = {name: check.schema() for name, check in _DATA.items()}
    data["lines"] = _section({split: Whole(1, 1_000_000) for split in SPLITS})
    either = NOISE_PERCENT, ListOf(NOISE_PERCENT, length=2)
    data["noise_percent"] = {"anyOf": [check.schema() for check in either]}
    data["population"] = {"enum": list(specification.POPULATION_NAMES)}
    data["shell"] = {"enum": list(specification.SHELLS)}
    data["sampling_rate_mhz"] = {"enum": list(specification.SAMPLING_RATES_MHZ)}
    training = {key: at for key, at in field_checks(TrainingSpec).items() if key != "seed"}
    usual = next(iter(PRESETS.values()))["networks"]
    axes = {axis: {"type": "array", "minItems": 1, "items": _axis(axis)} for axis in sorted(AXES)}
    block = {**_mapping(axes), "required": ["networks"]}
    properties = {
        **{key: check.schema() for key, check in field_checks(Study).items()},
        "data": _mapping(data, required=True),
        "networks": _mapping(
            {
                name: _section({option: OPTIONS[option] for option in usual[name]}, required=False)
                for name in NETWORKS
            }
        ),
        "training": _section({key: Optional(at) for key, at in training.items()}, required=False),
        "loss": _section(
            {key: Optional(at) for key, at in field_checks(LossSpec).items()}, required=False
        ),
        "evaluation": _section(field_checks(EvaluationSpec)),
        "claims": _section(field_checks(ClaimMargins)),
        "others": {
            "type": "object",
            "propertyNames": {"pattern": Name().schema()["pattern"]},
            "additionalProperties": Optional(ModelName()).schema(),
        },
        "imaging": {"anyOf": [_section(field_checks(ImagingSpec)), {"type": "null"}]},
        "analyses": _mapping(
            {
                name: {"anyOf": [_section(field_checks(spec)), {"type": "null"}]}
                for name, spec in SPECS.items()
            },
            required=True,
        ),
        "experiments": {
            "type": "object",
            "propertyNames": {"pattern": Name().schema()["pattern"]},
            "additionalProperties": {
                "anyOf": [
                    block,
                    {"type": "array", "minItems": 1, "items": block},
                    {"type": "null"},
                ]
            },
            "minProperties": 1,
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A study of ckstudy. A key that is not listed here is a mistake.",
        **_mapping(properties, required=True),
    }


def _axis(axis: str) -> dict:
    check = AXES[axis]
    return check.schema() if isinstance(check, Check) else NOISE_PERCENT.schema()


def _section(checks: dict[str, Check], *, required: bool = True) -> dict:
    return _mapping({key: check.schema() for key, check in checks.items()}, required=required)


def _mapping(properties: dict, *, required: bool = False) -> dict:
    found = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**found, "required": sorted(properties)} if required else found


if __name__ == "__main__":
    import yaml

    print("# Written by `python -m ckstudy.study.schema`.")
    yaml.safe_dump(config_schema(), sys.stdout, sort_keys=False, width=100)
