"""What a single setting changes, with everything else equal."""

from ckstudy.analysis import thesis
from ckstudy.analysis.ablation import Pair, pairs
from ckstudy.analysis.comparisons import minus_thesis
from ckstudy.analysis.estimates import line_f1, mean_f1, paired_difference
from ckstudy.analysis.results import Results
from ckstudy.report.tables.captions import EXACT, provenance
from ckstudy.report.tables.table import Column, EstimateColumn, Table, code, tabulate
from ckstudy.scoring.intervals import Estimate


def ablation_table(results: Results) -> Table:
    """Pairs of networks that differ in one setting, and how far from the thesis both are."""
    cells = results.cells(noisy=True)
    rows = pairs(results)

    def change(pair: Pair, score: str) -> Estimate:
        other, reference = (
            line_f1(results, cells.runs[cell], score=score) for cell in (pair.other, pair.reference)
        )
        return paired_difference(other, reference)

    def before(pair: Pair, score: str) -> Estimate:
        return mean_f1(results, cells.runs[pair.reference], score=score)

    columns = [
        Column("setting", lambda pair: pair.setting, "setting", code),
        Column("from", lambda pair: setting_text(pair.setting, pair.from_value), "from"),
        Column("to", lambda pair: setting_text(pair.setting, pair.to_value), "to"),
        Column("reference", lambda pair: pair.reference, "network", code),
        Column("other", lambda pair: pair.other, "changed network", code),
        Column("reference_seeds", lambda pair: len(cells.runs[pair.reference]), "seeds before"),
        Column("other_seeds", lambda pair: len(cells.runs[pair.other]), "seeds after"),
        EstimateColumn("upstream_f1", lambda pair: before(pair, "upstream"), "F1 before"),
        EstimateColumn(
            "upstream_difference",
            lambda pair: change(pair, "upstream"),
            "change of F1",
            signed=True,
        ),
        EstimateColumn("matched_f1", lambda pair: before(pair, "matched")),
        EstimateColumn(
            "matched_difference",
            lambda pair: change(pair, "matched"),
            "change of matched F1",
            signed=True,
        ),
        EstimateColumn(
            "reference_minus_thesis",
            lambda pair: minus_thesis(results, cells.runs[pair.reference]),
            "ours − thesis, before",
            signed=True,
        ),
        EstimateColumn(
            "other_minus_thesis",
            lambda pair: minus_thesis(results, cells.runs[pair.other]),
            "ours − thesis, after",
            signed=True,
        ),
    ]
    data, text = tabulate(rows, columns)
    if not rows:
        caption = (
            "No two networks of this study differ in a single setting other than kernel size, ω0, "
            f"noise and seed: it says nothing about the others. {provenance(results, cells)}"
        )
        return Table("ablation", "One setting at a time", caption, data, ())
    caption = (
        "Pairs of networks that differ in one setting and in nothing else: mean F1 of the test "
        f"lines at a tolerance of {thesis.TOLERANCE} samples, thresholds from the validation "
        "lines, and its change line by line. Where one of the two has a single seed, the interval "
        "of the change does not cover what another seed of it would do. The last columns: Table 1 "
        "for its networks (training F1, thresholds from the training lines), else Table 2 (mean "
        "test F1, thresholds from the training lines), before and after the change. "
        f"{EXACT} {provenance(results, cells)}"
    )
    return Table("ablation", "One setting at a time", caption, data, (("", text),))


def setting_text(setting: str, value: object) -> str:
    """The value of a setting, in words."""
    if value is None:
        return "all" if setting == "crop" else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
