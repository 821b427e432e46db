"""One file to another, as a job that any process can be given: what folders and clusters are worked on with.

A job is done once: a result that is there already and right is left as it is, so that a job may be repeated.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from idfcodec.errors import CorruptFile, IDFError, is_out_of_memory
from idfcodec.files import Attributes, attributes_of, check_target, identities, write_target
from idfcodec.manifest import Origin
from idfcodec.picture.picture import Picture

__all__ = ["Done", "Job", "Settings", "check", "compress", "decompress", "guarded"]


@dataclass(frozen=True)
class Settings:
    """How pictures are coded; see `idfcodec.encode`.

    Attributes:
        owner: whether results get the owners of their sources.
        delete: whether the source is deleted once its result is written, read again, and has been verified.
    """

    model: str | None = None
    effort: str | None = None
    conversion: bool = True
    strip: bool = False
    verify: bool = True
    threads: int | None = 1
    device: str = "cpu"
    owner: bool = False
    delete: bool = False

    @property
    def made(self) -> str:
        """What results depend on."""
        conversion, strip = "" if self.conversion else ", no conversion", ", stripped" if self.strip else ""
        return f"{self.model or self.effort or 'default'}{conversion}{strip}"


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        name: of the source, for a person and for a list.
        source: path.
        target: path of the result; empty where there is none.
        force: replace a target that is there.
        sha256: that the source must have, in hexadecimal; empty where that is not known.
    """

    name: str
    source: str
    target: str = ""
    force: bool = False
    sha256: str = ""


@dataclass(frozen=True)
class Done:
    """What came of a job.

    Attributes:
        job: which one.
        error: why nothing came of it.
        text: what kind of picture it is.
        pixels: subpixels.
        before: bytes of the source.
        after: bytes of the result.
        seconds: of coding.
        sha256: of the result, in hexadecimal.
        origin: for the list of results.
        written: whether the result was written now, and not found to be there and right.
        deleted: whether the source was.
        notes: what was lost or could not be done.
    """

    job: Job
    error: Exception | None = None
    text: str = ""
    pixels: int = 0
    before: int = 0
    after: int = 0
    seconds: float = 0.0
    sha256: str = ""
    origin: Origin | None = None
    written: bool = False
    deleted: bool = False
    notes: tuple[str, ...] = ()


Work = Callable[[Job, Settings], Done]


def guarded(work: Work, settings: Settings) -> Callable[[Job], Done]:
    """A function of a job that raises nothing: errors are results."""
    return partial(_guarded, work, settings)


def _guarded(work: Work, settings: Settings, job: Job) -> Done:
    try:
        return work(job, settings)
    except Exception as ex:
        if isinstance(ex, IDFError | OSError | MemoryError | ModuleNotFoundError) or is_out_of_memory(ex):
            return Done(job, ex)
        return Done(job, IDFError(f"an error of the program, {type(ex).__name__}: {ex}"))


def compress(job: Job, settings: Settings) -> Done:
    """A file of a picture becomes a file of this format.

    Raises:
        IDFError: see `idfcodec.encode`.
        OSError: a file cannot be read or written, or the target is there and holds something else.
    """
    from idfcodec.codec import encode
    from idfcodec.models import choose_model, load_model
    from idfcodec.picture.pillow import read_picture

    load_model(choose_model(settings.model, settings.effort), device=settings.device)  # which is no picture's time

    source, target = Path(job.source), Path(job.target)
    like, status = attributes_of([job.source], owner=settings.owner), os.stat(source)
    data = source.read_bytes()
    picture = read_picture(io.BytesIO(data))
    start = time.perf_counter()
    origin = Origin(job.name, len(data), status.st_mtime_ns, _sha256(data), settings.made, settings.verify)
    found = None if job.force else _before(target, picture, settings)
    coded = found or encode(
        picture,
        model=settings.model,
        effort=settings.effort,
        conversion=settings.conversion,
        strip=settings.strip,
        verify=settings.verify,
        threads=settings.threads,
        device=settings.device,
    )
    seconds = time.perf_counter() - start
    notes = () if settings.strip else picture.notes
    written = _write(job, coded, like) if found is None else False
    done = Done(
        job,
        text=picture.text,
        pixels=picture.pixels.size,
        before=len(data),
        after=len(coded),
        seconds=seconds,
        sha256=_sha256(coded),
        origin=origin if found is None else replace(origin, verified=True),
        written=written,
        notes=notes,
    )
    return _without_source(done, status) if settings.delete else done


def _before(target: Path, picture: Picture, settings: Settings) -> bytes | None:
    """A result of a run that was ended before it could say so: the bytes of a target that decodes to the picture."""
    from idfcodec.codec import decode_picture

    if not target.is_file():
        return None
    data = target.read_bytes()
    try:
        again = decode_picture(data, model=settings.model, threads=settings.threads, device=settings.device)
    except IDFError:
        again = None
    metadata = {} if settings.strip else dict(picture.metadata)
    if again is None or not again.same(picture) or dict(again.metadata) != metadata:
        check_target(target, frozenset(), force=False)  # which says that it exists
    return data


def _without_source(done: Done, status: os.stat_result) -> Done:
    """Deletes the source of a verified result that is on the disk as it was made, if nothing was lost."""
    job, now = done.job, os.stat(done.job.source)
    if done.notes:
        return replace(done, notes=(*done.notes, "the source is kept, for that is not in the result"))
    same = [(s.st_ino, s.st_size, s.st_mtime_ns) for s in (status, now)]
    if same[0] != same[1] or _sha256(Path(job.target).read_bytes()) != done.sha256:
        raise CorruptFile("the source or the result has changed meanwhile; the source is kept")
    os.unlink(job.source)
    return replace(done, deleted=True)


def decompress(job: Job, settings: Settings) -> Done:
    """A file of this format becomes a picture of the format that the target's suffix names.

    Raises:
        IDFError: see `idfcodec.decode_picture`; the format does not hold the picture.
        OSError: a file cannot be read or written, or the target is there and holds something else.
    """
    from idfcodec.picture.pillow import write_picture

    data = Path(job.source).read_bytes()
    like, changed = attributes_of([job.source], owner=settings.owner), os.stat(job.source).st_mtime_ns
    start = time.perf_counter()
    picture = _decoded(data, settings)
    seconds = time.perf_counter() - start
    stream, format = io.BytesIO(), Path(job.target).suffix[1:].lower()
    left_out = write_picture(picture, stream, format)
    result = stream.getvalue()
    return Done(
        job,
        text=picture.text,
        pixels=picture.pixels.size,
        before=len(data),
        after=len(result),
        seconds=seconds,
        sha256=_sha256(result),
        origin=Origin(job.name, len(data), changed, _sha256(data), format, True),
        written=_write(job, result, like),
        notes=(f"{format} cannot hold the picture's {', '.join(left_out)}, which is left out",) if left_out else (),
    )


def check(job: Job, settings: Settings) -> Done:
    """A file is decoded, if it is one of this format, and compared with its checksums; nothing is written.

    Raises:
        IDFError: it is damaged, or another one than a list says.
        OSError: it cannot be read.
    """
    from idfcodec.batch import decode_batch
    from idfcodec.format.batch import is_batch

    data = Path(job.source).read_bytes()
    found = _sha256(data)
    if job.sha256 not in ("", found):
        raise CorruptFile("its bytes are others than the list of checksums says")
    done = Done(job, before=len(data), sha256=found)
    start = time.perf_counter()
    if is_batch(data):
        pictures = decode_batch(data, model=settings.model, threads=settings.threads, device=settings.device)
        text, pixels = f"{len(pictures):,} pictures", sum(one.size for one in pictures)
    elif job.source.lower().endswith(".idfc"):
        picture = _decoded(data, settings)
        text, pixels = picture.text, picture.pixels.size
    else:
        return replace(done, text="as the list says")
    return replace(done, text=text, pixels=pixels, seconds=time.perf_counter() - start)


def _decoded(data: bytes, settings: Settings) -> Picture:
    from idfcodec.codec import decode_picture

    return decode_picture(data, model=settings.model, threads=settings.threads, device=settings.device)


def _write(job: Job, data: bytes, like: Attributes) -> bool:
    """Writes a result, unless it is there already; whether it did."""
    target = Path(job.target)
    if target.is_file() and target.read_bytes() == data:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    check_target(target, identities([job.source]), force=job.force)
    write_target(target, data, force=job.force, like=like)
    return True


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
