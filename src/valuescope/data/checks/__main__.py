"""`python -m valuescope.data.checks FILE...`: check files of a starter set."""

from __future__ import annotations

import sys
from pathlib import Path

from valuescope.data.findings import DataError
from valuescope.data.starter_set import PARTS, check_files, part_of


def main(arguments: list[str]) -> int:
    """Print every finding; 1 if there is any, 2 if the command line is wrong."""
    paths = [path for argument in arguments for path in _files(Path(argument))]
    if not paths:
        print("usage: python -m valuescope.data.checks FILE_OR_FOLDER...", file=sys.stderr)
        return 2
    for path in paths:
        try:
            if not path.is_file():
                raise DataError(f"{path}: no such file")
            part_of(path)
        except DataError as error:
            print(error, file=sys.stderr)
            return 2
    findings = check_files(paths)
    for finding in findings:
        print(finding)
    print(f"{len(paths)} files, {len(findings)} findings")
    return int(bool(findings))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.rglob("*.jsonl") if "/".join(one.resolve().parts[-3:-1]) in PARTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
