"""Names of results: what gives way to a suffix, and that no two results meet; in linear time."""

import os
from pathlib import Path

import pytest

from idfcodec.targets import plan, target_of

RESTORED = ("idfc",)


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        ("photo.png", None, "photo.idfc"),
        ("a/photo.JPEG", None, "a/photo.idfc"),
        ("photo", None, "photo.idfc"),
        (".png", None, ".png.idfc"),
        ("IMG.2024.03.01", None, "IMG.2024.03.01.idfc"),
        ("IMG.2024.03.01.tif", None, "IMG.2024.03.01.idfc"),
        ("scan.v2", "b/", "b/scan.v2.idfc"),
        ("a/photo.png", "b/", "b/photo.idfc"),
        ("photo.png", "x.y", "x.y"),
        ("-", "x.y", "x.y"),
        ("-", None, None),
        ("photo.png", "-", None),
    ],
)
def test_only_suffixes_of_pictures_give_way(name: str, output: str | None, expected: str | None) -> None:
    assert target_of(name, output, ".idfc") == (None if expected is None else Path(expected))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.idfc", "photo.png"),
        ("PHOTO.IDFC", "PHOTO.png"),
        ("photo.v2", "photo.v2.png"),
        ("IMG.2024.03.01.idfc", "IMG.2024.03.01.png"),
    ],
)
def test_restored_pictures_lose_our_suffix_alone(name: str, expected: str) -> None:
    assert target_of(name, None, ".png", replaces=RESTORED) == Path(expected)


def test_what_meets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["a.png", "b.png", "./a.png", "a.bmp", "IMG.01", "IMG.02"]
    assert plan(names, None, ".idfc").meeting() == dict.fromkeys(
        ("./a.png", "a.bmp"), "would be written to a.idfc, which is the target of a.png too"
    )
    assert plan(names, "-", ".idfc").meeting() == {}


def test_the_work_for_a_target_does_not_grow_with_the_number_of_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = os.stat

    def counted(*arguments: object, **options: object) -> os.stat_result:
        nonlocal looks
        looks += 1
        return look(*arguments, **options)  # type: ignore[arg-type]

    each = []
    for count in (10, 40):
        names = [str(tmp_path / f"{i}.png") for i in range(count)]
        for name in names:
            Path(name).touch()
            Path(name).with_suffix(".idfc").touch()
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", counted)
            targets = plan(names, None, ".idfc")
            for name in names:
                with pytest.raises(FileExistsError):
                    targets.check(name, force=False)
        each.append(looks / count)
        looks = 0
    assert each[0] == each[1]
