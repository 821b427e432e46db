"""Folders on the command line: what `-r` does, with processes side by side, threads, or a cluster."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from idfcodec import manifest
from idfcodec.cli.report import Outcome, Progress, Report, attempt, describe, label, speed
from idfcodec.errors import IDFError
from idfcodec.folders import Found, files_of, meeting, results_of, still_right
from idfcodec.jobs import Done, Job, Settings, Work, check, compress, decompress, guarded
from idfcodec.manifest import Entry
from idfcodec.targets import PICTURES
from idfcodec.workers import cores, run

__all__ = ["check_folder", "compress_folder", "decompress_folder"]

LARGE = 2**23  # bytes of files, on average, from which on the tiles of one picture keep all cores busy
SUFFIX, BATCH, RESTORED = "idfc", "idfb", "png"


def compress_folder(
    folder: str,
    output: str | None,
    report: Report,
    settings: Mapping[str, Any],
    *,
    force: bool,
    scheduler: str | None,
    **options: Any,
) -> NoReturn:
    """Compresses the pictures of a folder and leaves with the exit code."""
    _convert(folder, output, report, compress, settings, PICTURES, SUFFIX, force, scheduler, options)


def decompress_folder(
    folder: str,
    output: str | None,
    report: Report,
    settings: Mapping[str, Any],
    *,
    force: bool,
    scheduler: str | None,
    **options: Any,
) -> NoReturn:
    """Restores the pictures of a folder and leaves with the exit code."""
    _convert(folder, output, report, decompress, settings, (SUFFIX,), RESTORED, force, scheduler, options)


def check_folder(folder: str, report: Report, settings: Mapping[str, Any], **options: Any) -> NoReturn:
    """Checks the files of a folder, and its list of them, and leaves with the exit code."""
    start = time.monotonic()
    files = files_of(Path(folder), (SUFFIX, BATCH), leave=None, failed=report.failed, warn=report.warn)
    listed = manifest.read_manifest(Path(folder))
    names = {file.name: file for file in files}
    for name in listed:
        path = os.path.join(folder, name)
        if name not in names:
            size = os.stat(path).st_size if os.path.isfile(path) else 0
            names[name] = Found(name, path, size, 0)
    jobs = [
        Job(file.name, file.path, sha256=listed[name].sha256 if name in listed else "")
        for name, file in sorted(names.items())
    ]

    def told(done: Done) -> Outcome:
        line = f"{label(done.job.source)}: right, {done.text}, {done.before:,} bytes"
        values = {"input": done.job.source, "ok": True, "input_bytes": done.before, "listed": bool(done.job.sha256)}
        return _outcome(done, line if not done.pixels else f"{line}, {speed(done.pixels, done.seconds)}", values)

    _work(jobs, list(names.values()), check, settings, report, told, lambda done: None, None, options)
    if listed and (others := len(names) - len(listed)):
        report.warn(folder, f"{others:,} files are not in its {manifest.NAME}")
    _leave(report, start)


def _convert(
    folder: str,
    output: str | None,
    report: Report,
    work: Work,
    settings: Mapping[str, Any],
    suffixes: Collection[str],
    suffix: str,
    force: bool,
    scheduler: str | None,
    options: Mapping[str, Any],
) -> NoReturn:
    start = time.monotonic()
    target = Path(folder if output is None else output)
    target.mkdir(parents=True, exist_ok=True)
    files = files_of(Path(folder), suffixes, leave=target, failed=report.failed, warn=report.warn)
    results = results_of(files, f".{suffix}", replaces=suffixes)
    refused = meeting(results)
    for name, cause in refused.items():
        report.failed(os.path.join(folder, name), cause)
    files = [file for file in files if file.name not in refused]
    manifest.mend(target)
    listed = manifest.read_manifest(target)
    made = suffix if work is decompress else Settings(**settings).made
    before = _done_before(files, results, listed, made, target, checked=settings.get("verify", True))
    jobs = [Job(f.name, f.path, str(target / results[f.name]), force) for f in files if f.name not in before]
    rest = [file for file in files if file.name not in before]

    def note(done: Done) -> None:
        listed[results[done.job.name]] = entry = Entry(results[done.job.name], done.sha256, done.origin)
        manifest.append(target, entry)

    def told(done: Done) -> Outcome:
        sizes = describe(done.before, done.after)
        how = ", verified" if work is compress and done.origin and done.origin.verified else ""
        how += "" if done.written else ", was there already"
        how += ", source deleted" if done.deleted else ""
        line = (
            f"{label(done.job.source)} -> {done.job.target}: {done.text}, {sizes}, {speed(done.pixels, done.seconds)}"
        )
        values = {"input": done.job.source, "output": done.job.target, "input_bytes": done.before}
        values |= {"output_bytes": done.after, "seconds": done.seconds, "sha256": done.sha256, "written": done.written}
        return _outcome(done, line + how, values | {"deleted": done.deleted, "notes": list(done.notes)})

    for file in (file for file in files if file.name in before):
        path = str(target / results[file.name])
        if settings.get("delete") and manifest.checksum_of(file.path) == before[file.name]:
            os.unlink(file.path)
        line = f"{label(file.path)} -> {path}: done before"
        report.done(Outcome(line, {"input": file.path, "output": path, "skipped": True}), told=False)
    if before:
        report.warn(folder, f"{len(before):,} of {len(files):,} files were done before, and their results are right")
    try:
        _work(jobs, rest, work, settings, report, told, note, scheduler, options)
    finally:
        if listed:
            manifest.compact(target, listed)
    _leave(report, start)


def _done_before(
    files: Sequence[Found],
    results: Mapping[str, str],
    listed: Mapping[str, Entry],
    made: str,
    target: Path,
    *,
    checked: bool,
) -> dict[str, str]:
    """The files whose results are there, as the list says that they were made in this way, and the files' checksums."""
    likely = []
    for file in files:
        entry = listed.get(results[file.name])
        if entry is None or entry.origin is None or not (entry.origin.verified or not checked):
            continue
        of = entry.origin
        if (of.source, of.size, of.changed, of.made) == (file.name, file.size, file.changed, made):
            likely.append((file.name, entry, of.sha256))
    right = still_right(target, [entry for _, entry, _ in likely], None)
    return {name: sha256 for (name, _, sha256), good in zip(likely, right, strict=True) if good}


def _work(
    jobs: Sequence[Job],
    files: Sequence[Found],
    work: Work,
    settings: Mapping[str, Any],
    report: Report,
    told: Callable[[Done], Outcome],
    note: Callable[[Done], None],
    scheduler: str | None,
    options: Mapping[str, Any],
) -> None:
    """Does all jobs and reports on them in their order, which others wait for that are done before.

    Args:
        jobs: what is to be done.
        files: the source of each, for the time that is left.
        work: one of `jobs`.
        settings: of it, but for threads and device.
        report: told what becomes of each.
        told: what it is told of one that went well.
        note: told of each that went well, as soon as it has.
        scheduler: address of a cluster's.
        options: threads, device and quiet.
    """
    sizes = {file.name: file.size + 1 for file in files}
    total, finished = sum(sizes.values()), 0
    waiting: dict[int, Done] = {}
    next_one = 0
    with Progress(f"{len(jobs):,} files", quiet=bool(options["quiet"]), time_left=True) as progress:
        for index, result in _results(jobs, files, work, settings, scheduler, options):
            done = Done(jobs[index], result) if isinstance(result, IDFError) else replace(result, job=jobs[index])
            if done.error is None:
                attempt(manifest.NAME, lambda _, done=done: note(done), report)  # type: ignore[misc]
            finished += sizes[done.job.name]
            waiting[index] = done
            progress.clear()
            while next_one in waiting:
                _tell(waiting.pop(next_one), report, told)
                next_one += 1
            progress(finished, total)


def _results(
    jobs: Sequence[Job],
    files: Sequence[Found],
    work: Work,
    settings: Mapping[str, Any],
    scheduler: str | None,
    options: Mapping[str, Any],
) -> Iterator[tuple[int, Done | IDFError]]:
    """What becomes of each job, with its number, as it is done."""
    threads, device = options["threads"], options["device"]
    if scheduler is not None:
        from idfcodec.pipelines import run_jobs

        sent = [replace(job, source=_whole(job.source), target=_whole(job.target)) for job in jobs]
        yield from run_jobs(scheduler, guarded(work, Settings(**settings, device=device)), sent)
        return
    count = threads or cores()
    mean = sum(file.size for file in files) / max(len(files), 1)
    if device == "cpu" and count > 1 and len(jobs) >= 2 * count and mean < LARGE:
        yield from run(guarded(work, Settings(**settings)), jobs, count)
        return
    one = guarded(work, Settings(**settings, threads=threads, device=device))
    for index, job in enumerate(jobs):
        yield index, one(job)


def _whole(path: str) -> str:
    """The path for a process that is elsewhere."""
    return os.path.abspath(path) if path else ""


def _tell(done: Done, report: Report, told: Callable[[Done], Outcome]) -> None:
    def tell(name: str) -> None:
        if done.error is not None:
            raise done.error
        report.done(told(done))

    for text in done.notes:
        report.warn(done.job.source, text)
    attempt(done.job.source, tell, report)


def _outcome(done: Done, line: str, values: Mapping[str, object]) -> Outcome:
    coded = done.after or done.before
    return Outcome(line, values, "", done.pixels, done.before, done.after, coded, done.seconds)


def _leave(report: Report, start: float) -> NoReturn:
    report.total(wall=time.monotonic() - start, failures=True)
    click.get_current_context().exit(report.exit_code)
