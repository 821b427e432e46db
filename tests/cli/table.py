"""The table of kinds in README: `python -m tests.cli.table` prints it."""

from __future__ import annotations

from tests.cli.kinds import ARRAYS, HELD, METADATA

__all__ = ["lines"]


def lines() -> list[str]:
    """Its lines."""
    found = [
        "| kind | encode and decode: arrays | encode and decode: files | metadata comes back from |",
        "| --- | --- | --- | --- |",
    ]
    for kind, formats in HELD.items():
        described = ", ".join(format for format in formats if format in METADATA) or "none"
        found.append(f"| {kind} | {ARRAYS[kind]} | {', '.join(formats)} | {described} |")
    return found


if __name__ == "__main__":
    print("\n".join(lines()))
