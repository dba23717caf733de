import math
import os
import re
import subprocess
import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from synthetic_results import (
    LINES,
    beyond_specs,
    grid_specs,
    long_specs,
    run_specs,
    write_lines_and_model,
    write_results,
)

from ckstudy.analysis import estimates
from ckstudy.analysis.comparisons import best_run_of
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.networks import CKConv, build_network
from ckstudy.networks.kernel_band import band_shares
from ckstudy.networks.release import load_model, save_model
from ckstudy.probing.inside import kernels
from ckstudy.report import tables
from ckstudy.report.figures import FIGURES, draw, make, style
from ckstudy.report.figures.prediction import matched_outcome, upstream_outcome
from ckstudy.report.figures.scores import SEED_SHIFT
from ckstudy.report.figures.selection import labels
from ckstudy.scoring import matched, upstream


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("results")
    test_f1 = write_results(directory)
    write_lines_and_model(directory)
    return Results(directory), test_f1


@pytest.fixture(scope="module")
def beyond(tmp_path_factory):
    """A study with several seeds of a network, and with noise."""
    directory = tmp_path_factory.mktemp("beyond")
    test_f1 = write_results(directory, specs=beyond_specs())
    return Results(directory), test_f1


@pytest.fixture(scope="module")
def long_kernels(tmp_path_factory):
    """A study with two starts, of which the thesis's has not learned at the largest size."""
    directory = tmp_path_factory.mktemp("long")
    write_results(directory, specs=long_specs(sizes=(65, 527, 2111)), tolerances=[4])
    for size, level in ((65, 0.85), (527, 0.8), (2111, 0.2)):
        for seed in range(3):
            path = directory / "runs" / f"ckcnn-k{size}-w30-s{seed}" / "test.csv"
            pd.read_csv(path).assign(f1=level + 0.01 * seed).to_csv(path, index=False)
    return Results(directory)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A study of kernel sizes by ω0."""
    directory = tmp_path_factory.mktemp("grid")
    write_results(directory, specs=grid_specs((65, 527, 2111), (10.0, 30.0, 80.0)), tolerances=[4])
    return Results(directory)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A study of two small networks, one of them with windows that have changed."""
    directory = tmp_path_factory.mktemp("networks")
    small = {"name": "ckcnn", "channels": 2, "hidden": 4, "kernel_size": 65, "omega_0": 30.0}
    cnn = run_specs()[0][0]
    windowed = {**small, "kernel_init": "balanced", "window": 9.0}
    specs = [
        ({**cnn, "run": name, "network": network}, ["kernel_size"])
        for name, network in (("plain", {**small, "kernel_init": "siren"}), ("window", windowed))
    ]
    write_results(directory, specs=specs, tolerances=[4])
    write_lines_and_model(directory, "plain")
    for name, spec in ((spec["run"], spec) for spec, _ in specs):
        network = build_network(**spec["network"], seed=0)
        for layer in network.modules():
            if isinstance(layer, CKConv) and layer.log_sigma is not None:
                layer.log_sigma.data += math.log(2)
        save_model(directory / "runs" / name / "model.safetensors", network)
    return Results(directory)


@pytest.fixture(scope="module")
def figures(study, beyond, long_kernels, grid, networks):
    """All figures as matplotlib objects, laid out as they are when they are saved."""
    others = {
        "kernel_size_noise": beyond[0],
        "long_kernels": long_kernels,
        "kernel_size_omega_0": grid,
        "kernel_band": networks,
        "inside": networks,
    }
    made = {name: make(name, others.get(name, study[0])) for name in FIGURES}
    with style.house_style():
        for figure in made.values():
            FigureCanvasAgg(figure)
            style.lay_out(figure)
    return made


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_networks_have_short_labels_that_tell_them_apart(long_kernels, grid, networks):
    sized = ["ckcnn K = 65", "ckcnn K = 527", "ckcnn K = 2111"]
    mended = [f"{label}, balanced, window 30" for label in sized]
    assert set(labels(long_kernels, long_kernels.cells())) == {"cnn_dilated", *sized, *mended}
    for results in (grid, networks):
        names = labels(results, results.cells())
        assert len(set(names)) == len(names) == len(results.cells())
    assert "ckcnn K = 65, ω0 = 10" in labels(grid, grid.cells())
    assert labels(grid, grid.cells().iloc[:1]) == ["cnn_dilated"]


@pytest.mark.slow
def test_another_process_draws_the_same_bytes(study, tmp_path):
    # Another process, hash seed and number of threads: what differs from run to run would show.
    wanted = ["figure2_ckconv", "figure4_ckcnn", "figure6_scoring", "population"]
    wanted += ["figure7_dilated", "figure8_omega_0", "learning_curves"]
    command = [sys.executable, "-m", "ckstudy", "figures", *wanted]
    command += ["--results", str(study[0].directory), "--out", str(tmp_path / "there")]
    environment = {**os.environ, "PYTHONHASHSEED": "4321", "OMP_NUM_THREADS": "2"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    draw(wanted, study[0].directory, tmp_path / "here")
    names = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert names == sorted(f"{name}.{suffix}" for name in wanted for suffix in ("png", "svg"))
    assert sorted(answer.stdout.split()) == [str(tmp_path / "there" / name) for name in names]
    for name in names:
        there, here = tmp_path / "there" / name, tmp_path / "here" / name
        assert there.read_bytes() == here.read_bytes(), name


def test_files_carry_no_date_and_no_version(study, tmp_path):
    (stem,) = draw(["kernel_size"], study[0].directory, tmp_path)
    svg = stem.with_suffix(".svg").read_text()
    assert "<dc:date>" not in svg
    assert "Matplotlib v" not in svg
    with Image.open(stem.with_suffix(".png")) as picture:
        assert set(picture.info) <= {"dpi"}
        assert picture.info["dpi"] == pytest.approx((300, 300), rel=1e-3)


def test_the_users_own_style_does_not_count(study, tmp_path):
    import matplotlib

    draw(["kernel_size"], study[0].directory, tmp_path / "plain")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 40}):
        draw(["kernel_size"], study[0].directory, tmp_path / "odd")
    assert (tmp_path / "plain" / "kernel_size.png").read_bytes() == (
        tmp_path / "odd" / "kernel_size.png"
    ).read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_text_is_legible_inside_the_picture_and_apart(figures, name, monkeypatch):
    drawn = []
    draw_text = Text.draw

    def record(text, renderer):
        if text.get_text().strip() and text.get_visible():
            assert text.get_fontsize() >= 7, text
            drawn.append((text.get_text(), text.get_window_extent(renderer)))
        draw_text(text, renderer)

    monkeypatch.setattr(Text, "draw", record)
    with style.house_style():
        figures[name].canvas.draw()
    width, height = figures[name].bbox.size
    assert len(drawn) > 5
    for what, box in drawn:
        assert box.x0 > -1, what
        assert box.y0 > -1, what
        assert box.x1 < width + 1, what
        assert box.y1 < height + 1, what
    for (one, first), (other, second) in combinations(drawn, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        along = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across < 1 or along < 1, f"{one!r} overlaps {other!r}"


def test_figure_1_shows_the_real_widths(figures):
    shown = texts(figures["figure1_siren"])
    for part in ("32 × 1", "32 × 32", "225 × 32", "15 × 15", "1 input"):
        assert part in shown


def test_figure_2_samples_the_kernel_of_its_network(figures):
    shown = texts(figures["figure2_ckconv"])
    assert "225 × 131" in shown
    assert "15 × 15 × 131" in shown
    curve, *_ = [
        axes.lines[0].get_ydata()
        for axes in figures["figure2_ckconv"].axes
        if axes.get_ylabel() == r"$\Psi$"
    ]
    # A SIREN with ω0 = 30 over [-1, 1] turns some ten times: neither constant nor white noise.
    assert len(curve) == 131
    turns = np.count_nonzero(np.diff(np.sign(np.diff(curve))))
    assert 5 < turns < 60


def test_figure_3_grows_the_receptive_field_as_2_to_the_layers(figures):
    growth = figures["figure3_dilated_cnn"].axes[-1]
    assert list(growth.lines[0].get_ydata()) == [2 ** (layer + 1) - 1 for layer in range(1, 13)]
    assert "137,729 trainable parameters" in texts(figures["figure3_dilated_cnn"])


def test_figure_4_has_the_thesis_count_and_a_padding_that_keeps_the_length(figures):
    shown = texts(figures["figure4_ckcnn"])
    assert "28,392 trainable parameters" in shown
    assert f"{4 * (131 - 1) // 2} + {4 * (131 - 1) // 2}" in shown


def test_figure_5_prints_the_loss_that_it_shows(figures):
    shown = texts(figures["figure5_dual_loss"])
    weights = re.search(r"1 × (\d\.\d+) \+ 1\.6 × (\d\.\d+) = (\d\.\d+)", shown)
    soft, hard, total = map(float, weights.groups())
    assert total == pytest.approx(soft + 1.6 * hard, abs=2e-4)
    assert f"over the line {soft:.4f}" in shown


def test_figure_7_plots_each_test_line(figures, study):
    results, test_f1 = study
    panels = figures["figure7_dilated"].axes[:2]
    for panel, run in zip(panels, ("cnn_dilated-s0", "ckcnn_dilated-w8-s0"), strict=True):
        points = np.asarray(panel.collections[0].get_offsets())
        written = pd.read_csv(results.directory / "runs" / run / "test.csv")
        lines = written.drop_duplicates("line")
        np.testing.assert_allclose(points[:, 0], lines["pressure_kpa"])
        np.testing.assert_allclose(points[:, 1], test_f1[run])
        expected = np.corrcoef(lines["pressure_kpa"], test_f1[run])[0, 1]
        (said,) = (text.get_text() for text in panel.texts)
        assert f"pressure {expected:.2f}".replace("-", "−") in said


def test_figure_8_marks_medians_of_both_studies_and_says_what_is_missing(figures, study):
    _, test_f1 = study
    small, large = figures["figure8_omega_0"].axes
    thesis = [line for line in large.lines if line.get_marker() == "D"]
    assert [line.get_ydata()[0] for line in thesis][-2:] == [0.001, 0.262]
    assert len(thesis) == 8
    medians = [line.get_ydata()[0] for line in small.lines if line.get_color() == style.BLUE]
    expected = [np.median(test_f1[f"ckcnn-k131-w{omega}-s0"]) for omega in (10, 30)]
    assert medians == pytest.approx(expected)
    assert "K = 527: $\\omega_0$ = 20, 40, 50, 60, 70, 80" in texts(figures["figure8_omega_0"])


def test_figure_8_draws_a_network_that_finds_nothing(tmp_path):
    # As the thesis's K = 527 at ω0 = 70 does: every line has the lowest possible F1.
    write_results(tmp_path)
    path = tmp_path / "runs" / "ckcnn-k527-w10-s0" / "test.csv"
    pd.read_csv(path).assign(f1=0.001).to_csv(path, index=False)
    figure = make("figure8_omega_0", Results(tmp_path))
    FigureCanvasAgg(figure).draw()
    bars = [line for line in figure.axes[1].lines if line.get_color() == style.BLUE]
    assert bars[0].get_ydata()[0] == 0.001


def test_kernel_size_figure_holds_thesis_and_study(figures, study):
    _, test_f1 = study
    (panel,) = figures["kernel_size"].axes
    thesis = next(line for line in panel.lines if line.get_label().startswith("thesis"))
    assert list(thesis.get_xdata()) == [65, 131, 263, 527, 1055, 2111]
    expected = [test_f1[f"ckcnn-k{size}-w30-s0"].mean() for size in (33, 65, 131)]
    assert marks(panel, "ours, test lines") == pytest.approx(expected)


def marks(panel, label: str) -> list[float]:
    """Heights of a curve's marks: the joined ones, and the hollow ones of what has not learned."""
    labels = [box.get_label() for box in panel.containers]
    place = labels.index(label)
    heights = np.array(panel.containers[place].lines[0].get_ydata())
    if place + 1 < len(labels) and labels[place + 1].startswith("_"):
        hollow = np.array(panel.containers[place + 1].lines[0].get_ydata())
        assert (np.isnan(heights) ^ np.isnan(hollow)).all()
        heights = np.where(np.isnan(heights), hollow, heights)
    return heights.tolist()


def dots(panel) -> list[tuple[float, float]]:
    """Small dots: single training seeds."""
    return [
        point
        for line in panel.lines
        if line.get_marker() == "."
        for point in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def test_kernel_size_figure_shows_the_seeds_beside_their_mean(beyond):
    results, test_f1 = beyond
    figure = make("kernel_size", results)
    (panel,) = figure.axes
    seeds = [test_f1[f"ckcnn-k65-w30-s{seed}"].mean() for seed in range(3)]
    test = next(box for box in panel.containers if box.get_label() == "ours, test lines")
    assert list(test.lines[0].get_xdata()) == [33, 65, 131]
    assert marks(panel, "ours, test lines")[1] == pytest.approx(np.mean(seeds))
    beside = 65 * 2**SEED_SHIFT
    drawn = [height for place, height in dots(panel) if place == pytest.approx(beside)]
    assert drawn == pytest.approx(seeds)
    assert "single seeds" in texts(figure)


def test_a_network_that_has_not_learned_is_hollow_and_apart(tmp_path):
    write_results(tmp_path)
    path = tmp_path / "baseline_lines.csv"
    rows = pd.read_csv(path)
    rows.assign(f1=0.3).to_csv(path, index=False)
    path = tmp_path / "runs" / "ckcnn-k65-w30-s0" / "test.csv"
    pd.read_csv(path).assign(f1=0.001).to_csv(path, index=False)
    figure = make("kernel_size", Results(tmp_path))
    (panel,) = figure.axes
    joined = next(box for box in panel.containers if box.get_label() == "ours, test lines")
    assert np.isnan(joined.lines[0].get_ydata()).tolist() == [False, True, False]
    hollow = [box for box in panel.containers if box.lines[0].get_markerfacecolor() == "white"]
    for box in hollow:
        assert np.isnan(box.lines[0].get_ydata()).tolist() == [True, False, True]
        assert box.lines[0].get_linestyle() == "None"
    assert len(hollow) == 3
    assert "Hollow: not learned" in texts(figure)


def test_noise_figure_has_a_line_for_each_level(beyond, figures):
    _, test_f1 = beyond
    (panel,) = figures["kernel_size_noise"].axes
    lines = {box.get_label(): box.lines[0] for box in panel.containers}
    assert [label for label in lines if label[0] != "_"] == ["0 % noise", "32 % noise"]
    expected = [test_f1[f"ckcnn-k{size}-w30-noise32-s0"].mean() for size in (33, 65, 131)]
    assert marks(panel, "32 % noise") == pytest.approx(expected)
    seeds = [test_f1[f"ckcnn-k65-w30-s{seed}"].mean() for seed in range(3)]
    assert marks(panel, "0 % noise")[1] == pytest.approx(np.mean(seeds))
    assert lines["0 % noise"].get_linestyle() != lines["32 % noise"].get_linestyle()
    assert [height for _, height in dots(panel)] == pytest.approx(seeds)


def test_figures_of_the_thesis_take_a_cell_of_several_seeds_as_one(tmp_path):
    specs = run_specs()
    for name in ("cnn_dilated", "ckcnn-k131-w10"):
        spec, _ = next(each for each in specs if each[0]["run"] == f"{name}-s0")
        again = {**spec["training"], "seed": 1}
        specs.append(({**spec, "run": f"{name}-s1", "training": again}, ["seeds"]))
    test_f1 = write_results(tmp_path, specs=specs)
    results = Results(tmp_path)
    conventional, continuous, _ = make("figure7_dilated", results).axes
    points = np.asarray(conventional.collections[0].get_offsets())[:, 1]
    both = np.mean([test_f1["cnn_dilated-s0"], test_f1["cnn_dilated-s1"]], axis=0)
    np.testing.assert_allclose(points, both)
    assert len(continuous.collections[0].get_offsets()) == len(both)
    small = make("figure8_omega_0", results).axes[0]
    medians = [np.median(test_f1[f"ckcnn-k131-w10-s{seed}"]) for seed in (0, 1)]
    bar = next(line for line in small.lines if line.get_color() == style.BLUE)
    assert list(bar.get_ydata()) == pytest.approx([np.mean(medians)] * 2)
    dotted = next(line for line in small.lines if line.get_marker() == "o")
    assert list(dotted.get_ydata()) == pytest.approx(medians)
    curves = make("learning_curves", results)
    drawn = [line for axes in curves.axes for line in axes.lines if len(line.get_xdata()) == 12]
    assert len(drawn) == 11  # two of the dilated network, none without a panel of its own
    assert "other networks" not in texts(curves)


def test_learning_curves_show_every_run_once_per_panel(figures, study):
    results, _ = study
    panels = figures["learning_curves"].axes
    drawn = [line for panel in panels for line in panel.lines if len(line.get_xdata()) == 12]
    serving = sum(len(results.runs(experiment)) for experiment in EXPERIMENTS)
    assert len(drawn) == serving
    history = pd.read_csv(results.directory / "runs" / "cnn_dilated-s0" / "history.csv")
    np.testing.assert_allclose(drawn[0].get_ydata(), history["train_loss"])


@pytest.mark.parametrize("experiment", ["dilated", "kernel_size", "another"])
def test_a_study_may_leave_experiments_out(tmp_path, experiment):
    write_results(tmp_path)
    path = tmp_path / "summary.csv"
    rows = pd.read_csv(path)
    kept = "dilated" if experiment == "another" else experiment
    rows = rows[rows["experiments"] == kept].assign(experiments=experiment)
    rows.to_csv(path, index=False)
    results = Results(tmp_path)
    made = {name: make(name, results) for name, entry in FIGURES.items() if entry.kind == "scores"}
    for figure in made.values():
        FigureCanvasAgg(figure).draw()
    empty = "The study has no experiment" in texts(made["figure7_dilated"])
    assert empty == (experiment != "dilated")
    assert "K = 131: $\\omega_0$ = 10, 20, 30" in texts(made["figure8_omega_0"])
    curves = {
        line.get_label()
        for panel in made["learning_curves"].axes
        for line in panel.lines
        if len(line.get_xdata()) == 12
    }
    assert len(curves) == rows["run"].nunique()


def test_an_unknown_name_stops_before_anything_is_drawn(study, tmp_path):
    with pytest.raises(StudyError, match="unknown figure 'figure9'; choose from diagrams"):
        draw(["kernel_size", "figure9"], study[0].directory, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scores_need_no_torch(study, tmp_path):
    program = (
        "import sys; from ckstudy.report.figures import draw; "
        f"draw(['kernel_size'], {str(study[0].directory)!r}, {str(tmp_path)!r}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


signals = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(max_examples=40, deadline=None)
@given(signals, st.floats(0.0, 0.95), st.integers(0, 6))
def test_outcomes_are_what_the_scores_count(rng, threshold, tolerance):
    prediction = rng.random(120)
    bubble_count = rng.poisson(0.1, 120)
    for module, outcome_of in ((upstream, upstream_outcome), (matched, matched_outcome)):
        counts = module.count(prediction[None], bubble_count[None], [threshold])
        outcome = outcome_of(prediction, bubble_count, threshold, tolerance)
        assert np.count_nonzero(outcome.found) == counts.true_positives[0, tolerance, 0]
        assert np.count_nonzero(~outcome.found) == counts.false_negatives[0, tolerance, 0]
        assert np.count_nonzero(~outcome.right) == counts.false_positives[0, tolerance, 0]


def test_population_counts_every_line(figures):
    panel = figures["population"].axes[0]
    for outline in panel.patches:
        shares = outline.get_xy()[:, 1]
        assert shares.max() <= 100
    assert len(panel.patches) == len(LINES)


EXPERIMENTS = ("dilated", "kernel_size", "omega_0")


def test_long_kernels_are_drawn_by_start_and_hollow_where_not_learned(figures):
    panel, enlarged = figures["long_kernels"].axes
    curves = {each.get_label(): each for each in panel.containers}
    assert {"thesis's start", "balanced start, window"} < set(curves)
    drawn = curves["thesis's start"].lines[0].get_ydata()
    assert drawn[:2] == pytest.approx([0.86, 0.81])
    assert np.isnan(drawn[2])
    hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert any(np.nanmax(line.get_ydata()) == pytest.approx(0.21) for line in hollow)
    assert "Hollow: not learned." in texts(figures["long_kernels"])
    (printed,) = [line for line in panel.lines if line.get_label() == "thesis, training lines"]
    assert list(printed.get_ydata()) == [0.866, 0.835, 0.828, 0.809, 0.676, 0.364]
    low, high = enlarged.get_ylim()
    assert 0.15 < high - low < 0.16
    for container in enlarged.containers:
        shown, whole = (
            each.lines[0].get_ydata() for each in (container, curves[container.get_label()])
        )
        np.testing.assert_array_equal(shown, whole)
        assert not (shown > high).any()


def test_a_study_without_long_kernels_says_so(study):
    assert "config/long_kernels.yaml has them" in texts(make("long_kernels", study[0]))


def test_the_kernels_band_is_that_of_the_networks(figures, networks):
    start, trained, windows = figures["kernel_band"].axes
    for panel in (start, trained):
        assert len(panel.lines) == 2
    for line, run in zip(trained.lines, ("plain", "window"), strict=True):
        network = load_model(networks.directory / "runs" / run / "model.safetensors")
        assert line.get_xdata()[0] == pytest.approx(np.mean(band_shares(network, 62.5)))
        assert line.get_ydata()[0] == pytest.approx(estimates.mean_f1(networks, [run]).value)
    # Nothing but the windows changed since the start.
    assert start.lines[0].get_xdata()[0] == pytest.approx(trained.lines[0].get_xdata()[0])
    assert start.lines[1].get_xdata()[0] != pytest.approx(trained.lines[1].get_xdata()[0])
    assert windows.lines[0].get_ydata() == pytest.approx([18.0] * 4)
    data = tables.windows_table(networks, 62.5).data
    assert list(data["layer"]) == [1, 2, 3, 4]
    assert data["sigma"].tolist() == pytest.approx([18.0] * 4)
    assert data["sigma_us"].tolist() == pytest.approx([18.0 / 62.5] * 4)
    assert (data["start"] == 9).all()


def test_the_inside_is_that_of_the_best_network_with_continuous_kernels(figures, networks):
    panels = np.array(figures["inside"].axes).reshape(4, 4)
    run = best_run_of(networks, ["ckcnn"])
    assert run in texts(figures["inside"])
    network = load_model(networks.directory / "runs" / run / "model.safetensors")
    for row, taps in zip(panels, kernels(network), strict=True):
        strongest = (taps**2).sum(2).max()
        assert (row[0].lines[0].get_ydata() ** 2).sum() == pytest.approx(strongest, rel=0.01)
        assert row[1].lines[0].get_ydata().max() <= 1
        assert row[3].images[0].get_array().max() <= 1


def test_a_sine_is_in_the_band_or_not():
    network = build_network("cnn_free", kernel_size=1001, channels=1, layers=1)
    n = torch.arange(1001, dtype=torch.float64)
    for mhz, share in ((2.5, 1.0), (0.5, 0.0), (8.0, 0.0)):
        with torch.no_grad():
            network.model[1].weight.copy_(torch.sin(2 * torch.pi * mhz / 62.5 * n).float())
        assert band_shares(network, 62.5) == pytest.approx([share], abs=0.01)
