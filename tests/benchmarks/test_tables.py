"""Tables: the same figures as text, Markdown and CSV; rows for whatever went wrong; published figures kept apart."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.published import published, published_figures
from benchmarks.render import csv_text, markdown, terminal
from benchmarks.results import validate
from benchmarks.section import Section
from benchmarks.tables import table, text_of
from tests.benchmarks import synthetic


def section(**options: Any) -> Section:
    result = validate(synthetic.result(**options))
    return Section(result, next(iter(result["datasets"])))


def rows_of_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def cells_of_markdown(text: str) -> dict[str, list[str]]:
    """The cells of each row of the first table, by its label without marks and remarks."""
    lines = [line for line in text.split("\n\n")[2].splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {re.sub(r"\*|(?<= )\((failed|crashed|not run).*", "", label).strip(): rest for label, *rest in cells}


def cells_of_terminal(text: str, label: str) -> list[str]:
    """The figures behind a label, over all blocks."""
    lines = [line for line in text.splitlines() if re.match(rf"{re.escape(label)}  ", line)]
    return [cell for line in lines for cell in re.split(r"(?<!±\d)\s+(?=\d)", line.removeprefix(label).strip()) if cell]


def test_every_report_shows_the_same_figures() -> None:
    computed = table(section())
    in_csv = {row["key"]: row for row in rows_of_csv(csv_text([("r.json", computed)])) if row["origin"] != "published"}
    in_markdown = cells_of_markdown(markdown(computed))
    in_text = terminal(computed, 100).partition("Published, not measured")[0]
    assert max(map(len, in_text.splitlines())) <= 100
    assert len(computed.rows)
    for key, row in computed.rows.iterrows():
        shown = [text_of(row, column) for column in computed.columns]
        assert in_markdown[row["label"]] == shown
        assert cells_of_terminal(in_text, row["label"]) == [text for text in shown if text]
        for column, text in zip(computed.columns, shown, strict=True):
            exact = in_csv[str(key)][column.name]
            assert (f"{float(exact):,.{column.decimals}f}" if exact else "") == text.partition(" ±")[0]


def test_sizes_are_held_against_the_jpeg_xl_of_the_greatest_effort() -> None:
    computed = table(section())
    assert computed.rows.loc["jxl-e10", "against"] == 1
    assert next(column.title for column in computed.columns if column.name == "against").endswith("JPEG XL effort 10")
    result = synthetic.result()
    result["contenders"]["jxl-e10"].update(status="not run", reason="no time")
    del result["datasets"]["kodak"]["measurements"]["jxl-e10"]
    rows = table(Section(validate(result), "kodak")).rows
    assert rows.loc["jxl-e9", "against"] == 1
    assert "jxl-e10" not in rows.index


def test_what_failed_or_did_not_run_is_said() -> None:
    rows = table(section(pictures=9)).rows
    assert not {"flif", "gralic"} & set(rows.index)
    assert rows.loc["avif", "origin"] == "incomplete"
    assert rows.loc["avif", "remark"] == "failed on 1 picture (<avif> & said no); figures over the other 8"
    for text in (markdown(table(section())), terminal(table(section()), 120)):
        words = " ".join(text.split())
        assert "GraLIC (crashed: exit status 139: segmentation fault); FLIF (not run: flif is not on the PATH)" in words
        assert "Class: of a known past." in words


def test_markdown_shows_errors_as_they_are() -> None:
    assert r"\<avif\> \& said no" in markdown(table(section()))


def test_skipped_files_are_counted_and_named() -> None:
    for text in (markdown(table(section())), terminal(table(section()), 100)):
        assert "9 pictures" in text
        assert "1 file skipped" in text
        assert "torn.png (image file is truncated)" in " ".join(text.split()).replace("\\", "")


def test_columns_without_figures_are_left_out() -> None:
    result = synthetic.result()
    for entry in result["contenders"].values():
        entry.pop("memory", None)
    computed = table(Section(validate(result), "kodak"))
    assert "memory" not in {column.name for column in computed.columns}
    assert "memory" in rows_of_csv(csv_text([("r.json", computed)]))[0]


@pytest.mark.parametrize(
    ("name", "title", "wanted"),
    [
        ("kodak", "", {"Kodak"}),
        ("test", "The CIFAR-10 test pictures", {"CIFAR-10"}),
        ("imagenet64", "", {"ImageNet64 (old)"}),
        ("imagenet", "", {"ImageNet32 (old)", "ImageNet64 (old)"}),
        ("set14", "Set14", set()),
    ],
)
def test_published_figures_go_with_their_sets(name: str, title: str, wanted: set[str]) -> None:
    assert set(published_figures(section(datasets={name: title}))["dataset"]) == wanted


def test_patches_of_kodak_are_not_kodak() -> None:
    result = synthetic.result()
    result["datasets"]["kodak"]["kind"] = "patches"
    assert published_figures(Section(result, "kodak")).empty


def test_published_figures_are_told_apart_and_the_unverified_marked() -> None:
    computed = table(section(datasets={"cifar10": "CIFAR-10"}))
    assert "published" not in set(computed.rows["family"])
    marked = computed.published["label"].str.endswith("†")
    assert (marked == ~published().set_index(["dataset", "system"])["checked"]["CIFAR-10"].reindex(marked.index)).all()
    assert marked["IDF++"]
    assert not marked["IDF"]
    text, page = terminal(computed, 140), markdown(computed)
    for wanted in ("not measured here", "† not verified", "over all 10,000 pictures of CIFAR-10"):
        assert wanted in text
        assert wanted in page
    assert cells_of_terminal(text, "IDF trained on ImageNet32") == ["3.60"]
    assert "| NeLLoC (3 residual blocks) | 3.25 | likelihood |" in page
    kinds = [row["origin"] for row in rows_of_csv(csv_text([("r", computed)]))]
    assert kinds.count("published") == len(computed.published)


def test_published_figures_have_sources() -> None:
    assert published()["source"].notna().all()
    assert set(published()["kind"]) == {"file", "likelihood"}
    assert published()["bits_per_subpixel"].astype(float).between(1, 8).all()


def save(result: dict[str, Any], path: Path) -> str:
    path.write_text(json.dumps(result), encoding="utf-8")
    return str(path)


def test_results_of_several_machines_stay_apart(tmp_path: Path) -> None:
    first, second = synthetic.result(seed=1), synthetic.result(seed=2)
    second["environment"]["processor"] = "Another Processor"
    (tmp_path / "a").mkdir()
    paths = [save(first, tmp_path / "kodak.json"), save(second, tmp_path / "a" / "kodak.json")]
    done = CliRunner().invoke(main, ["report", *paths, "--csv", "-"])
    assert done.exit_code == 0, done.output
    rows = rows_of_csv(done.stdout)
    assert {row["result"] for row in rows} == set(paths)  # the files' names alone would not tell them apart
    sizes = {(row["result"], row["bytes"]) for row in rows if row["key"] == "jxl-e10"}
    assert len(sizes) == 2
    text = " ".join(CliRunner().invoke(main, ["report", *paths]).stdout.split())
    assert text.index("Drawn by Hand 9000") < text.index("Another Processor")


def test_several_sets_of_one_result(tmp_path: Path) -> None:
    path = save(synthetic.result(datasets={"kodak": "Kodak", "set14": "Set14"}), tmp_path / "r.json")
    done = CliRunner().invoke(main, ["report", path, "--markdown", "-"])
    assert re.findall("^## (.*)", done.stdout, re.MULTILINE) == ["Kodak", "Set14"]


def test_targets_are_not_overwritten_without_force(tmp_path: Path) -> None:
    path = save(synthetic.result(), tmp_path / "r.json")
    target = tmp_path / "out.csv"
    target.write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(main, ["report", path, "--csv", str(target)])
    assert done.exit_code == 1
    assert "exists already" in done.output
    assert target.read_text(encoding="utf-8") == "mine"
    assert CliRunner().invoke(main, ["report", path, "--csv", str(target), "-f"]).exit_code == 0
    assert target.read_text(encoding="utf-8").startswith("result,")


def test_wrong_usage_and_wrong_files(tmp_path: Path) -> None:
    path = save(synthetic.result(), tmp_path / "r.json")
    assert CliRunner().invoke(main, ["report"]).exit_code == 2
    assert CliRunner().invoke(main, ["report", path, "--csv", "-", "--markdown", "-"]).exit_code == 2
    newer = save({**synthetic.result(), "schema": 999}, tmp_path / "newer.json")
    done = CliRunner().invoke(main, ["report", newer])
    assert done.exit_code == 1
    assert "newer" in done.output


def test_a_set_that_nobody_coded() -> None:
    result = synthetic.result(pictures=1, maps=False)
    result["datasets"]["kodak"].update(measurements={})
    computed = table(Section(validate(result), "kodak"))
    assert computed.rows.empty
    assert terminal(computed, 80)
    assert markdown(computed)
