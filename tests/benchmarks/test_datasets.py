"""What is measured: which files are pictures, which are skipped and why, patches and arrays."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.datasets import KNOWN, open_dataset, pixel_hash
from benchmarks.results import BenchmarkError
from idfcodec.demo import draw
from idfcodec.training.data import held_back


def save(pixels: np.ndarray, path: Path) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_pictures_are_listed_and_others_skipped_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "set14"
    save(draw(20, 12), folder / "a.png")
    save(draw(9, 8)[..., 0], folder / "deeper" / "b.pgm")
    whole = (folder / "a.png").read_bytes()
    (folder / "c.png").write_bytes(whole[:-20])
    (folder / "d.png").write_bytes(b"no picture")
    save(np.zeros((4, 4), np.uint16), folder / "e.png")
    save(np.zeros((4, 4, 4), np.uint8), folder / "f.png")
    Image.new("L", (3, 3)).save(folder / "g.gif", save_all=True, append_images=[Image.new("L", (3, 3), 255)])
    (folder / "README.md").write_text("not tried")
    (folder / ".hidden.png").write_bytes(whole)
    dataset = open_dataset(folder)
    assert (dataset.name, dataset.kind, dataset.source) == ("set14", "folder", "folder set14")
    assert dataset.title.startswith("Set14")
    entries, facts, skipped = dataset.survey()
    assert [entry.name for entry in entries] == ["a.png", "deeper/b.pgm", "e.png", "f.png"]
    assert facts["a.png"] == {
        "sha256": hashlib.sha256(b"12,20,3," + draw(20, 12).tobytes()).hexdigest(),
        "width": 20,
        "height": 12,
        "channels": 3,
        "subpixels": 720,
        "read_seconds": 0.0,
    }
    assert [facts[entry.name]["channels"] for entry in entries] == [3, 1, 1, 4]
    reasons = {entry["file"]: entry["reason"] for entry in skipped}
    assert set(reasons) == {"c.png", "d.png", "g.gif"}
    assert "truncated" in reasons["c.png"]
    assert "not a PNG" in reasons["d.png"]
    assert "single pictures" in reasons["g.gif"]
    assert not any(str(tmp_path) in reason or "\n" in reason for reason in reasons.values())


def test_a_part_of_a_folder_has_a_name_and_pictures_are_what_they_show(tmp_path: Path) -> None:
    names = KNOWN["screens"].files
    for name in (names[0], "other.png"):
        save(draw(8, 6), tmp_path / "mixed" / name)
    colours = Image.fromarray(np.array([[0, 1, 1]], np.uint8))
    colours.putpalette([9, 8, 7, 1, 2, 3])
    colours.save(tmp_path / "mixed" / names[1])
    dataset = open_dataset(tmp_path / "mixed", name="screens")
    assert [entry.name for entry in dataset.entries] == sorted(names[:2])
    assert (dataset.past, dataset.title) == (KNOWN["screens"].kind, KNOWN["screens"].title)
    shown = {entry.name: entry.read() for entry in dataset.entries}
    assert shown[names[1]].tolist() == [[[9, 8, 7], [1, 2, 3], [1, 2, 3]]]


def test_a_limit_counts_pictures_not_files(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for name in "bcd":
        save(draw(5, 4), folder / f"{name}.png")
    (folder / "a.png").write_bytes(b"")
    dataset = open_dataset(folder, limit=2, name="two", title="Two of them")
    entries, _, skipped = dataset.survey()
    assert [entry.name for entry in entries] == ["b.png", "c.png"]
    assert [entry["file"] for entry in skipped] == ["a.png"]
    assert (dataset.name, dataset.title, dataset.source) == ("two", "Two of them", "folder pictures, the first 2")


def test_only_pictures_that_are_held_back(tmp_path: Path) -> None:
    for index in range(30):
        save(draw(2, 2), tmp_path / "all" / f"{index}.png")
    dataset = open_dataset(tmp_path / "all", only_held_back=True)
    names = [entry.name for entry in dataset.entries]
    assert 0 < len(names) < 15
    assert all(held_back(Path(name)) for name in names)
    assert dataset.name == "all-held-back"


def test_patches_lie_on_a_grid_from_the_upper_left(tmp_path: Path) -> None:
    pixels = draw(40, 25)
    save(pixels, tmp_path / "p" / "a.png")
    save(draw(7, 30), tmp_path / "p" / "b.png")
    (tmp_path / "p" / "c.png").write_bytes(b"")
    dataset = open_dataset(tmp_path / "p", patches=12)
    assert (dataset.kind, dataset.name) == ("patches", "p-12")
    assert dataset.source == "folder p, patches of 12 x 12 pixels on a grid"
    entries, facts, skipped = dataset.survey()
    assert [entry.name for entry in entries] == [f"a.png@{top},{left}" for top in (0, 12) for left in (0, 12, 24)]
    np.testing.assert_array_equal(entries[4].read(), pixels[12:24, 12:24])
    assert facts["a.png@0,0"]["subpixels"] == 432
    assert [entry["file"] for entry in skipped] == ["c.png"]


def test_a_limit_spreads_patches_over_all(tmp_path: Path) -> None:
    save(draw(40, 25), tmp_path / "p" / "a.png")
    dataset = open_dataset(tmp_path / "p", patches=12, limit=3)
    assert [entry.name for entry in dataset.entries] == ["a.png@0,0", "a.png@0,24", "a.png@12,12"]
    assert dataset.source.endswith("on a grid, 3 of them")


@pytest.mark.parametrize("shape", [(12, 8, 6, 3), (12, 8, 6)])
def test_arrays_of_small_pictures(tmp_path: Path, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    np.savez(tmp_path / "cifar10_test.npz", images=images, labels=np.zeros(12))
    dataset = open_dataset(tmp_path / "cifar10_test.npz", limit=11)
    assert (dataset.name, dataset.kind, dataset.source) == ("cifar10", "arrays", "file cifar10_test.npz, the first 11")
    entries, facts, skipped = dataset.survey()
    assert [entry.name for entry in entries] == [f"{index:02}" for index in range(11)]
    np.testing.assert_array_equal(entries[7].read(), images[7])
    assert facts["07"]["sha256"] == pixel_hash(images[7])
    assert not skipped


def test_what_is_no_data_set_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "broken.npz").write_bytes(b"PK")
    np.savez(tmp_path / "other.npz", pictures=np.zeros((2, 2, 2), np.uint8))
    np.savez(tmp_path / "float.npz", images=np.zeros((2, 2, 2)))
    np.savez(tmp_path / "none.npz", images=np.zeros((0, 2, 2), np.uint8))
    complaints = {
        "empty": "no pictures in it",
        "a.png": "neither a folder",
        "missing": "neither a folder",
        "broken.npz": "not a readable",
        "other.npz": "no array 'images'",
        "float.npz": "float64",
        "none.npz": "is empty",
    }
    for name, complaint in complaints.items():
        with pytest.raises(BenchmarkError) as caught:
            open_dataset(tmp_path / name)
        assert complaint in caught.value.message
        assert name in caught.value.message
        assert "\n" not in caught.value.message
    with pytest.raises(BenchmarkError, match="not from arrays"):
        open_dataset(tmp_path / "none.npz", patches=2)
