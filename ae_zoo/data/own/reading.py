"""Reads tables in blocks: CSV and Parquet files, and DataFrames, through Arrow."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = (".parquet", ".pq")
DELIMITED = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
_BLOCK = 2**24  # bytes of a CSV file that are parsed together
_ROWS = 2**16  # rows of other tables that are read together
_UNNAMED = "unnamed column "  # followed by its number
_SAMPLE = 2**16  # bytes in which the delimiter is looked for


class TableReader:
    """A table whose rows are read in blocks.

    Args:
        table: Path of a CSV or Parquet file, or a DataFrame of pandas or Polars, or a
            table of Arrow.
        delimiter: What separates the values of a CSV file; None finds out.

    Attributes:
        where: What the table is, for messages.
        names: Names of the columns.
        unnamed: Those of columns that the header of a CSV file does not name.
        kinds: "number", "time" or "text" for each column.
    """

    def __init__(self, table: Any, delimiter: str | None = None) -> None:
        self._table: pa.Table | None = None
        self._path: Path | None = None
        if isinstance(table, str | os.PathLike):
            self._path = _existing_file(table)
            self.where = f"'{self._path}'"
            self._is_parquet = self._path.suffix.lower() in PARQUET
            if not self._is_parquet:
                self._head = _read_head(self._path, delimiter)
        else:
            self._table = _to_arrow(table)
            self.where = f"the {type(table).__name__}"
        with _explained(self.where):
            schema = self._schema()
        self.names = [str(name) for name in schema.names]
        self.unnamed = [name for name in self.names if name.startswith(_UNNAMED)]
        repeated = {name for name in self.names if self.names.count(name) > 1}
        if repeated:
            raise ValueError(
                f"Columns of {self.where} have the same name: {sorted(repeated)}. "
                "Rename them."
            )
        self.kinds = dict(zip(self.names, map(_kind, schema.types), strict=True))

    def blocks(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows in blocks: {name: an array of Arrow}.

        Raises:
            ValueError: A column that began with numbers goes on with text, or the file
                is damaged.
        """
        with _explained(self.where):
            for batch in self._batches(list(columns)):
                if batch.num_rows:
                    yield {name: batch.column(name) for name in columns}

    def digest(self) -> str | None:
        """SHA-256 of the file; None without one."""
        if self._path is None:
            return None
        with open(self._path, "rb") as file:
            return (
                hashlib.file_digest(file, "sha256").hexdigest()
                if hasattr(hashlib, "file_digest")
                else _sha256(file)
            )

    def _schema(self) -> pa.Schema:
        if self._table is not None:
            return self._table.schema
        if self._is_parquet:
            from pyarrow import parquet

            return parquet.ParquetFile(self._path).schema_arrow
        return self._open_csv({}).schema

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        if self._table is not None:
            yield from self._table.select(columns).to_batches(_ROWS)
        elif self._is_parquet:
            from pyarrow import parquet

            yield from parquet.ParquetFile(self._path).iter_batches(
                _ROWS, None, columns
            )
        else:
            import pyarrow as pa

            # The first block may hold integers, and a later one fractions.
            types = {
                name: pa.float64() for name in columns if self.kinds[name] == "number"
            }
            yield from self._open_csv(types, columns)

    def _open_csv(self, types: dict[str, Any], columns: list[str] | None = None) -> Any:
        from pyarrow import csv as arrow_csv

        delimiter, names, has_header = self._head
        return arrow_csv.open_csv(
            self._path,
            arrow_csv.ReadOptions(
                column_names=names, skip_rows=int(has_header), block_size=_BLOCK
            ),
            arrow_csv.ParseOptions(delimiter=delimiter),
            arrow_csv.ConvertOptions(
                column_types=types, include_columns=columns, strings_can_be_null=True
            ),
        )


def to_floats(column: Any) -> np.ndarray:
    """Convert a column of numbers to float64; missing values become NaN."""
    import pyarrow as pa

    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def to_order(column: Any, name: str, where: str) -> np.ndarray:
    """Convert a column of times or numbers to numbers that rise with time."""
    import pyarrow as pa

    if column.null_count:
        raise ValueError(f"The column {name!r} of {where} has missing times.")
    kind = _kind(column.type)
    if kind == "text":
        raise ValueError(
            f"The column {name!r} of {where} holds text that is no time, such as "
            f"{column[0].as_py()!r}. Expected numbers, or times such as "
            "2024-05-31 12:00:00."
        )
    if kind == "number":
        return to_floats(column)
    if pa.types.is_date32(column.type) or pa.types.is_time32(column.type):
        return column.cast(pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)
    return column.cast(pa.int64()).to_numpy(zero_copy_only=False)


def to_keys(column: Any, name: str, where: str) -> list[Any]:
    """Convert a column of labels or groups to Python values.

    Raises:
        ValueError: Some are missing.
    """
    if column.null_count:
        raise ValueError(
            f"The column {name!r} of {where} has {column.null_count} missing values. "
            "Fill them, or remove these rows."
        )
    return column.to_pylist()


def is_table(value: object) -> bool:
    """Tell whether a value is a DataFrame or a table of Arrow."""
    return hasattr(value, "columns") and hasattr(value, "__getitem__")


def is_table_file(path: Path) -> bool:
    """Tell whether the name of a file is that of a table."""
    return path.name.lower().endswith((*DELIMITED, *PARQUET))


def _existing_file(path: str | os.PathLike[str]) -> Path:
    found = Path(path).expanduser()
    if not found.exists():
        raise FileNotFoundError(
            f"There is no file '{found}'. If the table lies elsewhere, name that file: "
            "in the recipe, or with --data PATH."
        )
    if found.is_dir():
        raise IsADirectoryError(
            f"'{found}' is a folder. Expected a CSV or Parquet file."
        )
    if found.stat().st_size == 0:
        raise ValueError(f"The file '{found}' is empty.")
    return found


def _read_head(path: Path, delimiter: str | None) -> tuple[str, list[str], bool]:
    """Return the delimiter, the names of the columns, and whether a row holds them."""
    import pyarrow as pa

    with pa.input_stream(path, compression="detect") as stream:
        data = stream.read(_SAMPLE)
    try:
        text = data.decode(
            "utf-8-sig", errors="strict" if len(data) < _SAMPLE else "ignore"
        )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' is not text in UTF-8. Save it again as a CSV file in UTF-8."
        ) from error
    if delimiter is None:
        delimiter = ","
        with contextlib.suppress(csv.Error):  # a single column has no delimiter
            delimiter = csv.Sniffer().sniff(text, ",;\t|").delimiter
    first = next(csv.reader(text.splitlines(), delimiter=delimiter), [])
    if not first:
        raise ValueError(f"The first line of '{path}' is empty.")
    has_header = not all(_is_number(value) for value in first)
    if not has_header:
        return delimiter, [str(number) for number in range(len(first))], False
    names = [value.strip() for value in first]
    return delimiter, [n or f"{_UNNAMED}{i}" for i, n in enumerate(names)], True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _to_arrow(table: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(table, pa.Table):
        return table
    if hasattr(table, "to_arrow"):  # Polars
        return table.to_arrow()
    if not is_table(table):
        raise TypeError(
            "Expected the path of a CSV or Parquet file, or a DataFrame. Received: "
            f"{table!r:.100} of type {type(table).__name__}"
        )
    named = table.rename(columns=str)
    return pa.Table.from_pandas(named, preserve_index=False)


def _kind(type: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_temporal(type):
        return "time"
    is_number = (
        pa.types.is_integer(type)
        or pa.types.is_floating(type)
        or pa.types.is_boolean(type)
        or pa.types.is_decimal(type)
        or pa.types.is_null(type)
    )
    return "number" if is_number else "text"


@contextlib.contextmanager
def _explained(where: str) -> Iterator[None]:
    """Name the table in the errors of Arrow."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowInvalid as error:
        text = " ".join(str(error).split())[:300]
        raise ValueError(f"{where} cannot be read as a table: {text}") from error


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()  # Python 3.10 has no `file_digest`
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()
