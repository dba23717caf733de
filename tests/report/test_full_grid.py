"""The map of F1 over kernel size and ω0, on scores with a known place for each."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.stats import spearmanr
from synthetic_results import run_specs, write_results

from ckstudy.analysis.full_grid import MAPS, dilated_curve, f1_map, rank_correlations
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.figures.catalogue import make
from ckstudy.report.tables import full_grid_table

SIZES, OMEGAS = (65, 527, 2111), (10.0, 30.0)


def level(size: int, omega_0: float) -> float:
    return 0.2 if size == 2111 else 0.9 - size / 5000 - omega_0 / 1000


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("grid")
    cnn, dilated = (spec for spec, _ in run_specs()[:2])
    specs = [(cnn, ["full_dilated"]), (dilated, ["full_dilated"])]
    for size in SIZES:
        for omega_0 in OMEGAS:
            run = f"ckcnn-k{size}-w{omega_0:g}-s0"
            network = {"name": "ckcnn", "kernel_size": size, "omega_0": omega_0}
            specs.append(({**cnn, "run": run, "network": network}, ["full_thesis"]))
    specs.remove(next(each for each in specs if each[0]["run"] == "ckcnn-k65-w30-s0"))
    write_results(directory, specs=specs, tolerances=[4])
    summary = pd.read_csv(directory / "summary.csv")
    for spec, _ in specs[2:]:
        network, run = spec["network"], spec["run"]
        f1 = level(network["kernel_size"], network["omega_0"])
        path = directory / "runs" / run / "test.csv"
        pd.read_csv(path).assign(f1=f1).to_csv(path, index=False)
        summary.loc[summary["run"] == run, "mean_f1"] = f1
    summary.to_csv(directory / "summary.csv", index=False)
    return Results(directory)


def test_each_network_stands_at_its_place(study):
    f1, learned = f1_map(study, MAPS[0])
    assert (list(f1.columns), list(f1.index)) == (list(SIZES), list(OMEGAS))
    for size in SIZES:
        for omega_0 in OMEGAS:
            if (size, omega_0) == (65, 30.0):  # not trained
                assert np.isnan(f1.loc[omega_0, size])
                assert not learned.loc[omega_0, size]
            else:
                assert f1.loc[omega_0, size] == pytest.approx(level(size, omega_0))
                assert learned.loc[omega_0, size] == (size < 2111)
    curve, conventional = dilated_curve(study)
    assert list(curve.index) == [8.0]
    assert conventional > 0


def test_the_figure_has_the_map_its_silent_networks_and_the_band(study):
    figure = make("kernel_size_omega_0", study)
    panel, dilated = figure.axes[:2]
    values = panel.collections[0].get_array()
    f1, _ = f1_map(study, MAPS[0])
    np.testing.assert_allclose(np.ma.filled(values, np.nan), f1.to_numpy())
    dots, *band = panel.lines
    assert sorted(map(tuple, dots.get_xydata())) == [(2.5, 0.5), (2.5, 1.5)]
    assert len(band) == 2
    assert dilated.get_title() == "dilated\nCKCNN"
    said = "\n".join(text.get_text() for text in figure.findobj(Text))
    assert "CKCNN\nthesis's start" in said


def test_two_networks_of_one_place_are_refused(study, tmp_path):
    cnn = run_specs()[0][0]
    network = {"name": "ckcnn", "kernel_size": 65, "omega_0": 10.0}
    specs = [
        ({**cnn, "run": f"n{width}", "network": {**network, "channels": width}}, ["full_thesis"])
        for width in (3, 4)
    ]
    write_results(tmp_path, specs=specs, tolerances=[4])
    with pytest.raises(StudyError, match="more than one network like 'n4'"):
        f1_map(Results(tmp_path), MAPS[0])


def test_a_study_without_the_grid_says_so(tmp_path):
    write_results(tmp_path, tolerances=[4])
    (text,) = make("kernel_size_omega_0", Results(tmp_path)).texts
    assert "config/full_grid.yaml has them" in text.get_text()


def test_the_table_has_the_numbers_of_the_map_and_says_what_they_go_with(study):
    table = full_grid_table(study)
    rows = table.data.set_index(["experiment", "kernel_size", "omega_0"])
    for size, omega_0 in ((65, 10.0), (527, 30.0), (2111, 10.0)):
        row = rows.loc[("full_thesis", size, omega_0)]
        assert row["test_f1"] == pytest.approx(level(size, omega_0))
        assert row["learned"] == (size < 2111)
    blocks = dict(table.blocks)
    grid = blocks["CKCNN, thesis's start"].set_index("ω0")
    assert list(grid.columns) == ["K = 65", "K = 527", "K = 2111"]
    assert list(grid.loc["30"]) == ["–", "0.765", "0.200†"]  # 65: not trained
    pair = blocks["Dilated networks"]
    assert list(pair["kernels"]) == ["conventional", "continuous"]
    extremes, correlation = table.findings
    assert "from 0.200 (K = 2111, ω0 = 10) to 0.877 (K = 65, ω0 = 10)" in extremes
    assert "; 2 of 5 networks not learned." in extremes
    sizes = [65, 527, 2111, 527, 2111]
    f1 = [level(*place) for place in zip(sizes, [10.0, 10.0, 10.0, 30.0, 30.0], strict=True)]
    expected = f"{spearmanr(sizes, f1).statistic:+.2f}".replace("-", "−")
    assert f"F1 correlates {expected} with that of K," in correlation
    assert table.caption in table.markdown()


def test_rank_correlations_are_those_of_scipy():
    random = np.random.default_rng(7)
    f1 = pd.DataFrame(
        random.uniform(size=(8, 6)),
        index=pd.Index(np.arange(10.0, 90, 10), name="omega_0"),
        columns=pd.Index([65, 131, 263, 527, 1055, 2111], name="kernel_size"),
    )
    f1.iloc[2, 3] = np.nan
    sizes, omegas = np.meshgrid(f1.columns.to_numpy(float), f1.index.to_numpy(float))
    there = f1.notna().to_numpy()
    found = rank_correlations(f1)
    for name, quantity in (("K", sizes), ("ω0", omegas), ("ω0/K", omegas / sizes)):
        expected = spearmanr(f1.to_numpy()[there], quantity[there]).statistic
        assert found[name] == pytest.approx(expected)
    assert np.isnan(rank_correlations(f1.iloc[:1, :2])["K"])


def test_the_table_of_a_study_without_the_grid_says_so(tmp_path):
    write_results(tmp_path, tolerances=[4])
    table = full_grid_table(Results(tmp_path))
    assert "config/full_grid.yaml has them" in table.markdown()
    assert table.data.empty
