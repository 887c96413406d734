"""A plan: whole or not there, the same for the same rows, and held to its hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.rates import Rates
from customer_sources.batches.rows import (
    CHUNK_ROWS,
    Row,
)
from tests.planned import EXAMPLES, HEADER, ROWS, deletes, plan_bytes, read_back
from worker.batches.checking import Asked
from worker.batches.durations import default_pace, duration, in_words, pace_of
from worker.batches.opening import open_input
from worker.batches.plan_files import (
    REJECTED,
    new_plan,
)
from worker.batches.planning import Draft, Wanted, plan
from worker.limits import Reading, announced


@pytest.mark.parametrize("name", ["migration.csv", "migration.jsonl"])
def test_the_examples_can_be_planned_as_they_are(tmp_path: Path, name: str) -> None:
    planned = plan_bytes((EXAMPLES / name).read_bytes(), tmp_path, name=name)

    assert planned.rejected == []
    assert planned.manifest.rows == planned.manifest.input.rows > 10
    assert len(planned.manifest.operations) == 6
    assert planned.manifest.changes == sum(
        count
        for operation, count in planned.manifest.operations.items()
        if operation not in {"get", "list"}
    )


def test_chunks_hold_the_valid_rows_in_file_order(tmp_path: Path) -> None:
    data = deletes(ROWS).splitlines(keepends=True)
    data[5] = b"delete,,card_4,\n"

    planned = plan_bytes(b"".join(data), tmp_path)

    manifest = planned.manifest
    assert [chunk.rows for chunk in manifest.chunks] == [CHUNK_ROWS, CHUNK_ROWS, 6]
    numbers = [row.number for row in planned.rows]
    assert numbers == [n for n in range(1, ROWS + 1) if n != 5]
    assert planned.reasons() == [(6, "customer", "missing")]
    assert manifest.customers == (ROWS + 1) // 2
    assert manifest.operations == {"delete": ROWS - 1}


def test_the_same_rows_are_the_same_batch_and_a_label_makes_another(
    tmp_path: Path,
) -> None:
    first = plan_bytes(deletes(3), tmp_path).manifest
    again = plan_bytes(deletes(3), tmp_path, name="other.csv").manifest
    others = [
        plan_bytes(deletes(3), tmp_path, label="again").manifest,
        plan_bytes(deletes(3), tmp_path, asked=Asked(account="acme")).manifest,
        plan_bytes(deletes(4), tmp_path).manifest,
    ]

    assert again.batch == first.batch
    assert len({first.batch, *(other.batch for other in others)}) == 4
    assert first.batch.startswith("batch_")
    assert len(first.batch) == len("batch_") + 26


@settings(deadline=None, max_examples=25)
@given(
    asked=st.lists(
        st.fixed_dictionaries(
            {
                "operation": st.sampled_from(["create", "delete", "update", "x"]),
                "customer": st.sampled_from(["cus_1", "cus_2", ""]),
            },
            optional={"id": st.just("card_1"), "source": st.text(max_size=5)},
        ),
        min_size=1,
        max_size=8,
    ),
    strict=st.booleans(),
)
def test_a_plan_made_twice_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Any], *, strict: bool
) -> None:
    folder = tmp_path_factory.mktemp("plans")
    data = b"".join(json.dumps(one).encode() + b"\n" for one in asked)

    once, twice = (
        plan_bytes(data, folder, name="r.jsonl", strict=strict) for _ in range(2)
    )

    assert once.manifest.batch == twice.manifest.batch
    assert once.rows == twice.rows
    assert once.rejected == twice.rejected
    assert once.manifest.rows + once.manifest.rejected == len(asked)
    assert len(once.rejected) == once.manifest.rejected


def test_progress_is_told_with_each_chunk(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(deletes(ROWS))
    told: list[tuple[int, int]] = []

    with open_input(str(file)) as opened:
        plan(opened, tmp_path / "plan", Wanted(), lambda *one: told.append(one))

        assert [done for _, done in told] == [CHUNK_ROWS, 2 * CHUNK_ROWS]
        assert opened.size == opened.bytes_read == file.stat().st_size


def test_rows_can_be_planned_that_come_from_no_file(tmp_path: Path) -> None:
    row = Row(41, "delete", "c", "i", "", msgspec.Raw(b"{}"), key="job_1", first_sent=5)
    with new_plan(tmp_path / "plan") as place, Draft(place, Wanted(strict=True)) as one:
        one.add(row, 41)
        one.add(msgspec.structs.replace(row, number=73), 73)
        one.finish("batch_1", "0" * 64, 0, 2)

    planned = read_back(tmp_path / "plan")
    assert planned.rows == [row]
    assert [one["row"] for one in planned.rejected] == [73]


def test_all_rows_may_be_rejected_and_the_plan_says_so(tmp_path: Path) -> None:
    planned = plan_bytes(HEADER + b"x,,,\n" * 9, tmp_path)

    assert (planned.manifest.rows, planned.manifest.rejected) == (0, 9)
    assert planned.manifest.chunks == []
    assert len((tmp_path / "plan" / REJECTED).read_bytes().splitlines()) == 9


def test_a_million_rows_of_one_operation_take_more_than_eleven_hours() -> None:
    takes = duration({"create": 1_000_000}, default_pace())

    assert (takes.limit, takes.rate) == ("create", 24)
    assert in_words(takes.seconds) == "11.6 hours"


def test_the_slowest_limit_decides_how_long_it_takes() -> None:
    live = Rates(verify=1).allowance("live", "")
    pace = msgspec.structs.replace(
        default_pace(), account=live.rate, each=live.each, own=live.own
    )

    assert duration({"create": 240, "verify": 60}, pace).limit == "verify"
    assert duration({"create": 240, "verify": 1}, pace).seconds == 10
    many = dict.fromkeys(("create", "update", "delete", "get", "list"), 96)
    assert duration(many, pace) == (5, "", 96)
    assert duration({}, pace).seconds == 0


def test_the_pace_is_what_workers_announced_as_far_as_they_did() -> None:
    record = {"rate": "96", "each": "24", "each:create": "0.5", "each:get": "0"}
    reading = Reading(account="acme", now_ms=1, record=record, flights={}, lines={})
    unknown = msgspec.structs.replace(reading, record={"mode": "live"})

    pace = pace_of(announced(reading))

    assert pace is not None
    assert (pace.account, pace.announced) == (96, True)
    assert [pace.of(one) for one in ("create", "update", "get")] == [0.5, 24, 24]
    assert pace_of(announced(unknown)) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (0.5, "0.5 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_200, "2 hours"),
        (200_000, "2.31 days"),
    ],
)
def test_a_duration_is_written_as_a_person_says_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
