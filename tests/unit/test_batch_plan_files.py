"""A plan in its folder: whole or not there, and held to its hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sources.batches.manifest import (
    Manifest,
    PlanInvalid,
    batch_id,
    check_chunk,
    plan_hash,
    read_manifest,
    write_manifest,
)
from customer_sources.batches.rows import (
    ChunkDamaged,
    Packing,
    Row,
    content_hash,
    decode_chunk,
    encode_chunk,
    encode_rows,
    row_id,
    unpack,
)
from customer_sources.contract.ids import is_job_id
from tests.planned import EXAMPLES, ROWS, deletes, plan_bytes, read_back
from worker.batches.opening import InputInvalid, open_input
from worker.batches.plan_files import (
    CHUNKS,
    MANIFEST,
    DiskRefused,
    FolderRefused,
    chunk_path,
    manifest_in,
    new_plan,
    read_chunk,
    read_plan,
)
from worker.batches.planning import Wanted, plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan of three chunks."""
    plan_bytes(deletes(ROWS), tmp_path)
    return tmp_path / "plan"


def test_a_rows_id_is_a_job_id_that_nothing_but_batch_and_number_decide() -> None:
    ids = {row_id(batch, n) for batch in ("batch_a", "batch_b") for n in (1, 2, 11)}

    assert len(ids) == 6
    assert all(map(is_job_id, ids))
    assert row_id("batch_a", 1) == "job_459b4wfsj7ztbrcxp40vfp8g34"


def test_a_row_comes_back_from_its_chunk_as_it_was() -> None:
    row = Row(7, "delete", "cus_1", "card_1", "", msgspec.Raw(b'{"a":1}'), key="job_1")

    assert decode_chunk(encode_chunk([row, row])) == [row, row]


def test_rows_that_are_written_by_a_later_version_can_be_read() -> None:
    longer = encode_rows([Row(7, "get", "c", "i", "", msgspec.Raw(b"{}"))])

    assert msgspec.json.decode(longer) == [
        [
            *(7, "get", "c", "i", "", {}, "", False, False, True, True, None, "", 0),
            *(False, False),
        ]
    ]


@pytest.mark.parametrize("damaged", [b"", b"x", b"\x78\x9c", encode_chunk([]) + b"x"])
def test_what_is_no_chunk_is_told(damaged: bytes) -> None:
    with pytest.raises(ChunkDamaged):
        decode_chunk(damaged)


@given(st.binary(max_size=64))
def test_no_bytes_crash_the_reading_of_chunks_and_manifests(data: bytes) -> None:
    with pytest.raises(ChunkDamaged):
        decode_chunk(data)
    with pytest.raises(PlanInvalid):
        read_manifest(data)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"account": "acme"}, "hash does not fit"),
        ({"label": "again"}, "hash does not fit"),
        ({"batch": "batch_" + "0" * 26}, "hash does not fit"),
        ({"chunks": []}, "hash does not fit"),
        ({"rows": 1}, "numbers of rows do not fit"),
        ({"operations": {"delete": 1}}, "numbers of rows do not fit"),
        ({"version": 2}, "another version"),
        ({"rows": "many"}, "cannot be read"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(
    folder: Path, change: dict[str, Any], told: str
) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(PlanInvalid, match=told):
        read_plan(folder)


def test_a_manifest_comes_back_as_it_was_written(folder: Path) -> None:
    manifest = read_plan(folder)

    assert read_manifest(write_manifest(manifest)) == manifest
    hashes = [chunk.sha256 for chunk in manifest.chunks]
    plan = plan_hash(hashes, manifest.account, manifest.label)
    assert (manifest.plan_sha256, manifest.batch) == (
        plan,
        batch_id(plan, manifest.account, manifest.label),
    )


def test_a_chunk_that_is_missing_or_was_changed_is_told_by_its_path(
    folder: Path,
) -> None:
    manifest = read_plan(folder)
    path = chunk_path(folder, 1)
    whole = path.read_bytes()
    path.write_bytes(encode_chunk(decode_chunk(whole)[::-1]))
    with pytest.raises(PlanInvalid, match=r"000001\.z: damaged, or was changed"):
        read_chunk(folder, manifest, 1)
    path.write_bytes(whole[:-1])
    with pytest.raises(PlanInvalid, match=r"000001\.z"):
        read_plan(folder)
    path.unlink()
    with pytest.raises(PlanInvalid, match=r"000001\.z: missing$"):
        read_plan(folder)
    with pytest.raises(PlanInvalid, match=r"000001\.z: missing$"):
        read_chunk(folder, manifest, 1)
    assert manifest_in(folder) == manifest


def test_a_chunk_is_the_same_whatever_compressed_it(folder: Path) -> None:
    content = unpack(chunk_path(folder, 0).read_bytes())
    other = zlib.compress(content, 1)
    was = read_plan(folder).chunks[0]

    check_chunk(msgspec.structs.replace(was, bytes=len(other)), other)

    assert content_hash(content) == hashlib.sha256(content).hexdigest() == was.sha256


@given(st.lists(st.integers(0, 3), max_size=4))
def test_a_chunk_is_the_same_if_it_is_made_of_parts(counts: list[int]) -> None:
    row = Row(1, "update", "c", "i", "name=Ada", msgspec.Raw(b"{}"))
    packing, rows = Packing(), [row] * sum(counts)
    for count in counts:
        packing.add([row] * count)

    packed, sha256 = packing.end()

    assert packing.rows == len(rows)
    assert unpack(packed) == encode_rows(rows)
    assert sha256 == content_hash(encode_rows(rows))


def test_a_folder_without_a_manifest_holds_no_plan(folder: Path) -> None:
    (folder / MANIFEST).unlink()

    with pytest.raises(PlanInvalid, match="a plan that was interrupted has none"):
        read_plan(folder)


def again(folder: Path, *, force: bool) -> Manifest:
    """Plan an example."""
    with open_input(str(EXAMPLES / "migration.csv")) as opened:
        return plan(opened, folder, Wanted(force=force)).manifest


def test_a_plan_is_replaced_only_where_that_is_said(folder: Path) -> None:
    before = read_plan(folder)
    (folder / "notes.txt").write_text("mine")

    with pytest.raises(FolderRefused, match="--force"):
        again(folder, force=False)
    assert read_plan(folder) == before
    after = again(folder, force=True)

    assert read_plan(folder) == after
    assert sorted(path.name for path in (folder / CHUNKS).iterdir()) == ["000000.z"]
    assert (folder / "notes.txt").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").touch()
    for force in (False, True):
        with pytest.raises(FolderRefused, match="holds other things"):
            again(folder, force=force)
        with pytest.raises(FolderRefused, match="is a file"):
            again(folder / "cat.jpg", force=force)

    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]


def test_an_empty_folder_is_taken_and_one_that_is_missing_is_made(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()

    again(tmp_path / "empty", force=False)
    again(tmp_path / "a" / "b", force=False)

    assert read_back(tmp_path / "empty").manifest.rows == 12
    assert read_back(tmp_path / "a" / "b").manifest.rows == 12


def test_what_a_killed_process_left_is_replaced_only_where_that_is_said(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "plan"
    (folder / ".draft-abc" / CHUNKS).mkdir(parents=True)

    with pytest.raises(FolderRefused, match=r"interrupted; --force begins anew"):
        again(folder, force=False)
    again(folder, force=True)

    assert not list(folder.glob(".draft-*"))


def broken_off(folder: Path, trouble: BaseException, *, force: bool) -> None:
    with new_plan(folder, force=force) as draft:
        (draft / MANIFEST).touch()
        raise trouble


@pytest.mark.parametrize(
    "trouble",
    [OSError(errno.ENOSPC, "No space left on device", "x"), KeyboardInterrupt()],
)
def test_trouble_leaves_no_plan_and_an_older_one_as_it_was(
    folder: Path, trouble: BaseException
) -> None:
    before = read_back(folder)
    new = folder.parent / "new"
    expected = DiskRefused if isinstance(trouble, OSError) else KeyboardInterrupt
    for place, force in ((folder, True), (new, False)):
        with pytest.raises(expected):
            broken_off(place, trouble, force=force)

    assert read_back(folder) == before
    assert not new.exists()
    assert not list(folder.glob(".draft-*"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DiskRefused, match="cannot be written"):
        again(tmp_path / "file" / "plan", force=False)


def test_an_input_that_breaks_off_leaves_no_plan(folder: Path) -> None:
    file = folder.parent / "rows.csv"
    with open_input(str(file)) as opened:
        file.write_bytes(deletes(3))
        with pytest.raises(InputInvalid, match="changed"):
            plan(opened, folder.parent / "new", Wanted())

    assert not (folder.parent / "new").exists()
