"""Tables of what a study measured of images, from made-up measurements."""

import numpy as np
import pytest
from synthetic_results import write_imaging

from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report import tables


@pytest.fixture
def study(tmp_path):
    return tmp_path, write_imaging(tmp_path, seed=4)


def test_point_spread_is_the_median_of_the_points(study):
    folder, written = study
    data = tables.point_spread_table(Results(folder)).data
    assert list(data["method"]) == ["raw", "raw", "best", "best"]
    assert list(data["depth_mm"]) == [20, 80, 20, 80]
    own = written["point_spread"].query("method == 'best' and depth_mm == 80")
    for name in ("axial_fwhm_um", "lateral_bias_um"):
        assert data[name].iloc[3] == pytest.approx(np.median(own[name]))


def test_pairs_are_counted(study):
    folder, written = study
    data = tables.pairs_table(Results(folder)).data
    own = written["pairs"].query("method == 'raw' and direction == 'lateral'")
    own = own[own["distance_um"] == 400]
    row = data.query("method == 'raw' and direction == 'lateral' and distance_um == 400").iloc[0]
    assert (row["resolved"], row["pairs"]) == (own["resolved"].mean(), 3)


def test_each_condition_has_a_row_and_the_caption_says_what_was_chosen(study):
    folder, written = study
    table = tables.detections_table(Results(folder))
    assert len(table.data) == 6
    own = written["detections"].query("method == 'best' and noise_percent == 2")
    row = table.data.query("method == 'best' and noise_percent == 2").iloc[0]
    assert row["f1"] == pytest.approx(own["f1"].mean())
    assert (row["f1_lowest"], row["f1_highest"]) == (own["f1"].min(), own["f1"].max())
    assert "raw RF above 2.5, 975 µm further up; lines by `best` above 0.8" in table.caption


def test_a_study_without_images_says_so(tmp_path):
    with pytest.raises(StudyError, match="point_spread"):
        tables.point_spread_table(Results(tmp_path))
