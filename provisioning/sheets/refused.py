"""The rows of a sheet that were refused, in a file to mend and import again: as they came, with line and reason."""

import csv
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import InvalidValue
from .columns import Columns
from .grid import Broken
from .sheet import SheetOptions, SheetReader
from .writing import BOM

_MOST_FILES: Final = 1000


def render_refused(file: BinaryIO, options: SheetOptions, reasons: Mapping[int, str]) -> Iterator[str]:
    """Yield the header, then each refused row, of a file read from its beginning.

    reasons: by the number of the row's first line
    """
    reader = SheetReader(file, options)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n", delimiter=reader.separator)

    def line(cells: list[str]) -> str:
        writer.writerow(cells)
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    header = _header(reader.columns)
    yield BOM + line([*header, "line", "reason"])
    for number, cells in reader.grid_rows():
        if (reason := reasons.get(number)) is not None:
            found = [cells.text.rstrip("\r\n")] if isinstance(cells, Broken) else cells
            padding = [""] * (len(header) - len(found))
            yield line([*found, *padding, str(number), reason])


def _header(columns: Columns) -> list[str]:
    """Return a header as it came, or one by which rows that came without are read again."""
    if columns.header is not None and any(columns.header):
        return list(columns.header)
    header = [""] * columns.widest
    for name, place in columns.places.items():
        header[place] = name
    return header


def write_refused(source: Path, lines: Iterator[str]) -> Path:
    """Write a new file beside `source`, readable by its owner only since it holds passphrases; return its path.

    One that is there is left: somebody may be mending its rows.
    """
    for number in range(1, _MOST_FILES):
        path = source.with_name(f"{source.stem}.refused{'' if number == 1 else f'-{number}'}.csv")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise InvalidValue(f"cannot write {path}: {error.strerror}") from error
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.writelines(lines)
        except OSError as error:
            path.unlink(missing_ok=True)  # half of it would be taken for all
            raise InvalidValue(f"cannot write {path}: {error.strerror}") from error
        return path
    raise InvalidValue(f"there are {_MOST_FILES - 1} files {source.stem}.refused*.csv already")
