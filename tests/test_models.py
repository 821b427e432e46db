"""Finding models by name, id and path."""

import json
import shutil
from pathlib import Path

import pytest

from idfcodec import models
from idfcodec.errors import ModelError
from idfcodec.flow.loading import read_model

from .conftest import REPOSITORY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two models and one that is broken, in front of the shipped ones."""
    for name, identity in {"small": "0" * 15 + "1", "large": "f" * 16}.items():
        (tmp_path / "m" / name).mkdir(parents=True)
        (tmp_path / "m" / name / "config.json").write_text(json.dumps({"id": identity}))
    (tmp_path / "m" / "broken").mkdir()
    (tmp_path / "m" / "broken" / "config.json").write_text("{")
    (tmp_path / "m" / "names.toml").write_text('[presets]\ndefault = "large"\n')
    monkeypatch.setenv(models.VARIABLE, str(tmp_path / "m"))
    return tmp_path / "m"


def test_by_name_id_path_and_default(folder: Path) -> None:
    assert models.model_folders()[0] == folder
    assert models.find_model("small") == folder / "small"
    assert models.find_model("0" * 15 + "1") == folder / "small"
    assert models.find_model(str(folder / "small")) == folder / "small"
    assert models.find_model() == folder / "large"
    assert [entry.name for entry in models.list_models()[:2]] == ["large", "small"]


def test_files_are_read_again_where_they_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(folder / "broken")
    models.find_model()
    with monkeypatch.context() as patch:
        patch.delattr(Path, "read_text")
        assert models.find_model("large") == folder / "large"
        assert models.find_model() == folder / "large"
    (folder / "large" / "config.json").write_text(json.dumps({"id": "a" * 16}))
    assert models.find_model("a" * 16) == folder / "large"
    (folder / "names.toml").write_text('[presets]\ndefault = "small"\n')
    assert models.find_model() == folder / "small"


def test_the_default_effort_is_the_default_model() -> None:
    assert list(models.EFFORTS) == ["fast", "default", "max"]
    assert models.find_model(models.EFFORTS["default"]) == models.find_model()


def test_shipped_models_are_named_by_their_content() -> None:
    folders = sorted(path.parent for path in (REPOSITORY / "models").glob("*/config.json"))
    assert len(folders) >= 4
    for folder in folders:
        assert folder.name == read_model(folder).id.hex()  # which compares the content with the id


def test_a_folder_named_by_another_id_is_refused(tmp_path: Path) -> None:
    shutil.copytree(models.find_model("thumbnail"), tmp_path / ("0" * 16))
    with pytest.raises(ModelError, match="name of another model"):
        read_model(tmp_path / ("0" * 16))


def test_a_folder_that_holds_another_model_by_now_gives_that_one(tmp_path: Path) -> None:
    shutil.copytree(models.find_model("thumbnail"), tmp_path / "mine")
    first = models.load_model(tmp_path / "mine")
    assert models.load_model(tmp_path / "mine") is first
    shutil.copytree(models.find_model("photo-fast"), tmp_path / "mine", dirs_exist_ok=True)
    assert models.load_model(tmp_path / "mine").id != first.id


def test_a_missing_model_lists_those_there_are(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'tiny'; installed: large \(f{16}\), small"):
        models.find_model("tiny")
    with pytest.raises(ModelError, match="no model '9999999999999999'"):
        models.find_model("9" * 16)


def test_an_id_is_never_a_path(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's header must not choose a folder of the working directory."""
    (tmp_path / ("a" * 16)).mkdir()
    (tmp_path / ("a" * 16) / "config.json").write_text(json.dumps({"id": "b" * 16}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError):
        models.find_model("a" * 16)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 5}', '{"id": "XYZ"}', "\x00"])
def test_a_broken_config_is_an_error_in_words(folder: Path, text: str) -> None:
    (folder / "broken" / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        models.find_model(str(folder / "broken"))


def test_no_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "model_folders", lambda: [tmp_path])
    with pytest.raises(ModelError, match="no default model"):
        models.find_model()
