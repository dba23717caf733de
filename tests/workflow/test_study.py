"""A whole study, run from nothing to the tables, and what a change of it runs again."""

import base64
import json
import re
from pathlib import Path

import pytest
from browser import needs_browser, shown
from checkout import ROOT, ckstudy, copy_checkout, overlay, planned, snakemake
from rule_digests import digests

from ckstudy import provenance

# `--dist loadfile`: by other ways of sharing out, two processes would each run the study.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TINY = ("--configfile", "config/tiny.yaml")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A checkout in which config/tiny.yaml was run, archived, and made again from the archive.

    ``executed/`` holds which functions each job executed.
    """
    checkout = copy_checkout(tmp_path_factory.mktemp("checkout"))
    (checkout / "executed").mkdir()
    watched = {
        "PYTHONPATH": str(ROOT / "tests/executed"),
        "CKSTUDY_EXECUTED": str(checkout / "executed"),
    }
    answer = snakemake(checkout, "--cores", "2", "--verbose", *TINY, **watched)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (checkout / "verbose.log").write_text(answer.stdout + answer.stderr)
    archive = ("archive", "--config", "config/config.yaml", "--config", "config/tiny.yaml")
    ckstudy(checkout, *archive, "--out", "archive/tiny")
    again = {"archive": "archive/tiny", "results": "results/again", "device": "cpu"}
    # With one core, and from another folder: neither may show in a table or a figure.
    place = ("-s", str(checkout / "Snakefile"), "-d", str(checkout / "elsewhere"))
    archived = (*place, "--cores", "1", "--configfile", overlay(checkout, again))
    # Watched only as far as its rules are its own, and only two of its notebooks: both take time.
    tables = [f"results/again/tables/{name}.md" for name in ("table1", "claims")]
    for arguments, environment in (
        (("--until", "restore_network"), watched),
        (("--", *tables), {}),
    ):
        answer = snakemake(checkout, *archived, *arguments, **environment)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    return checkout


def test_it_looks_for_jobs_when_one_ends_and_not_all_the_time(study):
    log = (study / "verbose.log").read_text()
    finished, looked = (
        len(re.findall(what, log, re.M)) for what in ("^Finished job", "^Ready jobs: [1-9]")
    )
    assert finished > 40
    assert looked <= 2 * finished


def test_every_table_and_figure_is_there(study):
    results = study / "results/tiny"
    for name in ("table1", "table2", "dilated", "baselines", "long_kernels"):
        assert "study `tiny`" in (results / f"tables/{name}.md").read_text(encoding="utf-8")
    assert len(list((results / "figures").glob("figure[1-8]_*.svg"))) == 8


def test_an_archive_gives_the_same_tables_and_figures_elsewhere_without_training(study):
    again = study / "elsewhere/results/again"
    assert not (again / "checkpoints").exists()
    tables = {path.name: path for path in (again / "tables").iterdir()}
    assert tables.keys() >= {"table1.md", "table1.csv", "claims.md", "claims.csv", "ablation.csv"}
    figures = list((again / "figures").iterdir())
    assert {"kernel_size.svg", "learning_curves.png"} <= {path.name for path in figures}
    files = [path for path in (*tables.values(), *figures) if path.is_file()]
    for path in (*files, again / "summary.csv", again / "baselines.csv"):
        first = study / "results/tiny" / path.relative_to(again)
        assert path.read_bytes() == first.read_bytes(), path.name


def test_no_job_executes_code_that_its_digest_does_not_cover(study):
    executed = {}
    for path in (study / "executed").glob("*.jsonl"):
        (rule, process, parent), *names = map(json.loads, path.read_text().splitlines())
        executed[process] = (rule, parent, {tuple(name) for name in names})
    seen = set()
    for rule, parent, names in executed.values():
        if rule == "archive":  # no step of the workflow
            continue
        if rule == "kernel":  # that of the notebook whose script started it
            rule = executed[parent][0]
            seen.add(f"kernel of {rule}")
        seen.add(rule)
        covered = {
            (path.relative_to(provenance.PACKAGE).as_posix(), name)
            for path, found in provenance.source_names(*digests.entries(rule)).items()
            if path.is_relative_to(provenance.PACKAGE)
            for name in found
        }
        # The command's own frame, and code at the top level of a module, stand for no name.
        names = {each for each in names if each[0] != "cli/__init__.py" and each[1][0] != "<"}
        assert names <= covered, f"{rule}: {names - covered}"
    kernels = {f"kernel of {rule}" for rule in digests.ENTRIES if rule.startswith("notebook_")}
    assert seen == {*digests.ENTRIES, *kernels}


# Appended to the report: it looks at every picture, opens the list of tables and then Table 1.
LOOK = """
<script>
addEventListener("load", async () => {
  const pause = () => new Promise(done => setTimeout(done, 300));
  const width = address => new Promise(done => {
    const image = new Image();
    image.onload = () => done(image.naturalWidth);
    image.onerror = () => done(0);
    image.src = address;
  });
  const seen = {pictures: {}};
  for (const [path, entry] of Object.entries(results))
    if (/\\.(png|svg)$/.test(path)) seen.pictures[path] = await width(entry.data_uri);
  [...document.querySelectorAll("a")].find(each => each.innerText.trim() == "Tables").click();
  await pause();
  seen.text = document.body.innerText;
  const row = [...document.querySelectorAll("tr")].find(each => each.innerText.includes("table1"));
  row.querySelector("a").click();
  await pause();
  seen.table = document.querySelector("iframe").src;
  const found = document.createElement("script");
  found.type = "application/json";
  found.id = "seen";
  found.textContent = JSON.stringify(seen);
  document.body.append(found);
});
</script>
"""


@needs_browser
def test_a_browser_shows_the_report(study, tmp_path):
    report = tmp_path / "report.html"
    answer = snakemake(study, *TINY, "--report", str(report))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    append(report, LOOK)
    html = shown(report, tmp_path / "profile", milliseconds=60_000)
    seen = json.loads(re.search(r'id="seen">(.*?)</script>', html, re.DOTALL).group(1))
    drawn = {path.stem for path in (study / "results/tiny/figures").glob("*.svg")}
    assert {Path(path).stem for path in seen["pictures"]} == drawn
    assert all(seen["pictures"].values())
    # The first page, which stands beside the list of tables, says the verdicts.
    assert "What it found" in seen["text"]
    assert re.search(r"Undecided: C1; .*C5", seen["text"])
    table = base64.b64decode(seen["table"].partition("base64,")[2])
    assert table == (study / "results/tiny/tables/table1.html").read_bytes()


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_change_reruns_what_it_concerns(study):
    # Nothing is left to do, whatever is reworded.
    append(study / "src/ckstudy/training/loss.py", "\n# reworded\n")
    assert "Nothing to be done" in snakemake(study, "-n", *TINY).stdout

    # One kernel size more trains one network more.
    larger = overlay(study, {"experiments": {"kernel_size": {"kernel_size": [9, 33, 131]}}})
    jobs = planned(snakemake(study, "-n", *TINY, larger))
    assert [jobs.get(rule) for rule in ("simulate", "train", "calibrate", "evaluate")] == [
        None,
        1,
        1,
        1,
    ]
    assert jobs["notebook_kernel_size"] == 1

    # Code that only scores retrains nothing.
    scoring = study / "src/ckstudy/scoring/matched.py"
    before = scoring.read_text(encoding="utf-8")
    append(scoring, "\nassert True\n")  # binds no name: it runs whatever is imported
    jobs = planned(snakemake(study, "-n", *TINY))
    assert "train" not in jobs
    assert "simulate" not in jobs
    assert jobs["calibrate"] == jobs["evaluate"] == 5
    scoring.write_text(before, encoding="utf-8")
