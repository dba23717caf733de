"""The scripts of the workflow, run as Snakemake runs them: with an object of that name."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from training_spec import make_spec

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
RUN = """
import json, runpy, sys
from pathlib import Path
from types import SimpleNamespace

class Files(list):
    def items(self):
        return vars(self).items()

def files(named):
    found = Files(named.values())
    vars(found).update(named)
    return found

step = json.loads(sys.argv[2])
snakemake = SimpleNamespace(**{part: files(step.get(part, {})) for part in (
    "input", "output", "log", "params", "wildcards")}, rule=Path(sys.argv[1]).stem)
sys.path.append(sys.argv[3])
runpy.run_path(sys.argv[1], init_globals={"snakemake": snakemake})
"""


def run(script: Path, **step: dict) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", RUN, str(script), json.dumps(step), str(SCRIPTS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_script_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 30


def test_a_description_is_written(tmp_path):
    about = {"study": "tiny", "claims": {"equal_f1": 0.02}, "missing": {}}
    out, log = tmp_path / "study.json", tmp_path / "logs" / "describe.log"
    answer = run(
        SCRIPTS / "describe_study.py",
        output={"study": str(out)},
        log={"text": str(log)},
        params={"study": about},
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert json.loads(out.read_text()) == about
    assert log.read_text() == ""


def test_a_mistake_is_one_line_of_the_log(tmp_path):
    log = tmp_path / "restore.log"
    answer = run(
        SCRIPTS / "restore_network.py",
        output={"model": str(tmp_path / "run/model.safetensors")},
        log={"text": str(log)},
        input={"train": str(tmp_path / "train.h5")},
        params={
            "archive": str(tmp_path / "nothing"),
            "spec": json.dumps(replace(make_spec(), run="ckcnn-s0").to_json()),
        },
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (2, "", "")
    (line,) = log.read_text().splitlines()
    assert line.startswith("error: the archive")
    assert "has no spec.json of the run 'ckcnn-s0'" in line
    assert not (tmp_path / "run").exists()


def test_all_that_a_step_prints_goes_to_its_log(tmp_path):
    script, log = tmp_path / "step.py", tmp_path / "step.log"
    script.write_text(
        "import subprocess, sys\n"
        "from _step import logged\n"
        "with logged(snakemake.log[0]) as screen:\n"
        "    print('out')\n"
        "    print('err', file=sys.stderr)\n"
        "    subprocess.run([sys.executable, '-c', 'print(\"child\")'])\n"
        "    print('for all to see', file=screen)\n"
        "    1 / 0\n"
    )
    answer = run(script, log={"text": str(log)})
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == "for all to see\n"
    text = log.read_text()
    assert {"out", "err", "child"} <= set(text.splitlines())
    # A mistake of the code, not of the user, keeps its traceback.
    assert text.rstrip().endswith("ZeroDivisionError: division by zero")
