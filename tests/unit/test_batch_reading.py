"""Files as they come: every row is planned or rejected, and told by its line."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.planned import HEADER, PlannedFile, plan_bytes
from worker.batches.inputs import Format
from worker.batches.opening import InputInvalid, open_input

GOOD = b"create,cus_1,,tok_visa\n"
JSON = b'{"operation":"create","customer":"cus_1","source":"tok_visa"}\n'


def lines_rejected(planned: PlannedFile) -> list[int]:
    return [one["line"] for one in planned.rejected]


def row_numbers(planned: PlannedFile) -> list[int]:
    return [row.number for row in planned.rows]


@pytest.mark.parametrize("name", ["rows.csv", "rows.CSV", "rows.txt", "rows"])
def test_csv_is_known_by_its_name_or_by_its_first_byte(
    tmp_path: Path, name: str
) -> None:
    assert len(plan_bytes(HEADER + GOOD, tmp_path, name=name).rows) == 1


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json", "rows"])
def test_jsonl_is_known_by_its_name_or_by_its_first_byte(
    tmp_path: Path, name: str
) -> None:
    assert len(plan_bytes(JSON, tmp_path, name=name).rows) == 1


def test_the_format_can_be_said(tmp_path: Path) -> None:
    planned = plan_bytes(JSON, tmp_path, name="rows.csv", form=Format.JSONL)

    assert len(planned.rows) == 1


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv", "rows"])
def test_a_compressed_file_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(HEADER + GOOD * 3)

    planned = plan_bytes(packed, tmp_path, name=name)

    assert len(planned.rows) == 3
    assert planned.manifest.input.sha256 == hashlib.sha256(packed).hexdigest()
    assert planned.manifest.input.bytes == len(packed)


def test_two_compressed_files_one_behind_the_other_are_one(tmp_path: Path) -> None:
    packed = gzip.compress(HEADER + GOOD) + gzip.compress(GOOD)

    assert len(plan_bytes(packed, tmp_path).rows) == 2


def test_the_hash_is_that_of_the_bytes_of_the_file(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + HEADER + GOOD * 500

    planned = plan_bytes(data, tmp_path)

    assert planned.manifest.input.sha256 == hashlib.sha256(data).hexdigest()
    assert planned.manifest.input.name == "rows.csv"


def test_standard_input_is_read_where_the_file_is_a_dash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(HEADER + GOOD)))

    with open_input("-") as opened:
        assert list(opened.lines()) == [HEADER, GOOD]
        assert opened.file_name == "-"
        assert opened.size is None


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_either_line_end_are_accepted(
    tmp_path: Path, mark: bytes, end: bytes
) -> None:
    data = (mark + HEADER + GOOD * 2).replace(b"\n", end)

    assert len(plan_bytes(data, tmp_path).rows) == 2
    assert (
        len(plan_bytes(mark + JSON.replace(b"\n", end), tmp_path, name="r").rows) == 1
    )


def test_the_last_line_needs_no_end_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    csv = plan_bytes(b"\n" + HEADER + b"\n" + GOOD + b"\r\n" + GOOD[:-1], tmp_path)
    jsonl = plan_bytes(b"\n" + JSON + b" \n\n" + JSON[:-1], tmp_path, name="r.jsonl")

    assert row_numbers(csv) == row_numbers(jsonl) == [1, 2]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused_by_name(tmp_path: Path, codec: str) -> None:
    with pytest.raises(InputInvalid, match=r"line 1, byte 1: not UTF-8.*UTF-16"):
        plan_bytes((HEADER + GOOD).decode().encode(codec), tmp_path)


def test_a_row_in_another_encoding_costs_that_row(tmp_path: Path) -> None:
    bad = "create,cus_1,,tok_é\n".encode("latin-1")
    bad_json = '{"operation":"créate"}\n'.encode("latin-1")

    csv = plan_bytes(HEADER + GOOD + bad + GOOD, tmp_path)
    jsonl = plan_bytes(JSON + bad_json + JSON, tmp_path, name="rows.jsonl")

    assert csv.reasons() == [(3, "row", "not UTF-8 at byte 19 of the line")]
    assert jsonl.reasons() == [(2, "row", "not UTF-8 at byte 17 of the line")]
    assert row_numbers(csv) == row_numbers(jsonl) == [1, 3]


def test_a_header_in_another_encoding_is_told_with_its_line_and_byte(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputInvalid, match="line 1: not UTF-8 at byte 20 of the line"):
        plan_bytes("operation,customer,é\n".encode("latin-1"), tmp_path)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "no header, no rows"),
        (b"\n\n\n", "no header, no rows"),
        (HEADER, "has no rows"),
        (HEADER + b"\n", "has no rows"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(HEADER + GOOD)[:-9], "damaged, or ends early"),
        (gzip.compress(HEADER + GOOD) + b"more", "damaged, or ends early"),
        (b"\x1f\x8b\x08nonsense", "rows.csv: its compressed data is damaged"),
    ],
    ids=[
        *("nothing", "a mark", "line ends", "a header", "a header and an empty line"),
        *("compressed nothing", "cut off", "more behind", "not compressed"),
    ],
)
def test_a_file_of_which_nothing_can_be_made_is_refused(
    tmp_path: Path, data: bytes, told: str
) -> None:
    with pytest.raises(InputInvalid, match=told):
        plan_bytes(data, tmp_path)

    assert not (tmp_path / "plan").exists()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.csv", tmp_path):
        with (
            pytest.raises(InputInvalid, match="cannot be read"),
            open_input(str(missing)),
        ):
            pass


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(HEADER + GOOD)
    with open_input(str(file)) as opened:
        file.write_bytes(HEADER + GOOD * 2)

        with pytest.raises(InputInvalid, match="was changed while it was read"):
            list(opened.lines())


pieces = st.sampled_from(
    [
        *(GOOD, JSON, HEADER, b"\n", b"\r\n", b'"', b'""', b",", b"\xff", b"\x00"),
        *(b"{", b"}", b"[", b"\xef\xbb\xbf", b"\x1f\x8b", b"delete,cus_1,card_1,\n"),
        *(b'"a\nb"', b"\r", b"\\ud800", b'{"operation":"get","id":1}\n', b"null"),
    ]
)


@settings(deadline=None, max_examples=150)
@given(
    data=st.lists(pieces | st.binary(max_size=6), max_size=12).map(b"".join),
    name=st.sampled_from(["rows.csv", "rows.jsonl", "rows"]),
    head=st.sampled_from([HEADER, b""]),
)
@example(data=b'"' * 7, name="rows.csv", head=HEADER)
@example(data=b"operation,customer\n\r", name="rows.csv", head=b"")
def test_no_bytes_crash_the_reader_and_no_row_is_lost(
    data: bytes, name: str, head: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            planned = plan_bytes(head + data, Path(folder), name=name)
        except InputInvalid:
            return
    manifest = planned.manifest
    numbers = row_numbers(planned) + [one["row"] for one in planned.rejected]
    assert sorted(numbers) == list(range(1, manifest.input.rows + 1))
    assert manifest.rows == len(planned.rows) == sum(manifest.operations.values())
    assert manifest.rejected == len(planned.rejected)
