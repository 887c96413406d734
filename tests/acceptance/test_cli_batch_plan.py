"""What a person with a file types: `sources batch plan`, and what they are told."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
import redis

from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.builders import wait_until
from tests.command_line import COMMAND, run, unset
from tests.planned import HEADER, read_back
from worker.batches.plan_files import MANIFEST
from worker.cli.exits import Exit

EXAMPLES = Path(__file__).parents[2] / "examples"
NOWHERE = "redis://127.0.0.1:1"
WIDE = {"SOURCES_REDIS_URL": NOWHERE, "COLUMNS": "100"}
BAD = b"create,,,tok_visa\n"
GOOD = b"create,cus_1,,tok_visa\n"


def test_a_good_file_is_planned_and_summed_up(tmp_path: Path) -> None:
    done = run(
        *("batch", "plan", str(EXAMPLES / "migration.csv"), "-o", "plan"),
        cwd=tmp_path,
        **WIDE,
    )

    assert done.returncode == Exit.OK, done.stderr
    manifest = read_back(tmp_path / "plan").manifest
    for words in (
        f"batch       {manifest.batch}",
        "valid       12, of which 10 change something",
        "rejected    0",
        "operations  create 4, get 1, list 1, update 3, verify 1, delete 2",
        "customers   10",
        " in 1 chunk  ",
        "0.5 seconds at least: 24/s for all, the default of a test key",
    ):
        assert words in done.stdout
    assert "nothing was sent; `sources batch apply plan` does that" in done.stderr


def test_bad_rows_are_shown_and_all_of_them_are_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(HEADER + GOOD * 2 + BAD * 7)

    done = run("batch", "plan", "rows.csv", "-o", "plan", cwd=tmp_path, **WIDE)

    assert done.returncode == Exit.FAILED
    assert "  line 4, row 3: customer: missing\n" in done.stdout
    assert done.stdout.count("customer: missing") == 5
    assert "all 7 are in plan/rejected.jsonl" in done.stderr
    assert "look at plan/warnings.jsonl; --strict rejects such rows" in done.stderr
    planned = read_back(tmp_path / "plan")
    assert len(planned.rejected) == 7
    assert planned.manifest.duplicates == 1


def test_all_that_can_be_said_is_heard(tmp_path: Path) -> None:
    data = b"Kunde,Quelle,Note,metadata.nr\ncus_1,tok_visa,x,4242424242424242\n"
    (tmp_path / "rows.txt").write_bytes(data + data.split(b"\n")[1] + b"\n")

    done = run(
        *("batch", "plan", "rows.txt", "-o", "plan", "--operation", "create"),
        *("--account", "acme", "--label", "again", "--format", "csv", "--strict"),
        *("--map", "Kunde=customer", "--map", "Quelle=source", "--map", "Note="),
        *("--harmless", "metadata.nr", "--longest-line", "2048", "--json"),
        cwd=tmp_path,
        **WIDE,
    )

    assert done.returncode == Exit.FAILED
    told = json.loads(done.stdout)
    assert told["operations"] == {"create": 1}
    assert (told["account"], told["label"]) == ("acme", "again")
    assert told["first_rejected"][0]["line"] == 3
    assert told["batch"] == read_back(tmp_path / "plan").manifest.batch
    assert told["pace"]["announced"] is False


def test_standard_input_is_planned(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "batch", "plan", "-", "-o", "plan"],
        input=HEADER + GOOD,
        env={**unset(), **WIDE},
        capture_output=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == Exit.OK, done.stderr
    assert read_back(tmp_path / "plan").manifest.input.name == "-"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none.csv",), "none.csv: cannot be read: No such file or directory"),
        (("empty.csv",), "empty.csv is empty: there is nothing to plan"),
        (("odd.csv",), "column 1, 'colour': colour is no field"),
        (("rows.csv", "--map", "x"), "--map: expected COLUMN=FIELD"),
        (("rows.csv", "--operation", "dance"), "not one of create, get"),
        (("rows.csv", "--account", "sk_live_x/"), "not a name"),
        (("rows.csv", "--label", "tok_visa"), "no card number, key or token"),
        (("rows.csv", "-o", "full"), "full holds other things and no plan"),
    ],
)
def test_what_cannot_be_planned_is_told_and_leaves_nothing(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "odd.csv").write_text("colour\nred\n")
    (tmp_path / "rows.csv").write_bytes(HEADER + GOOD)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    folder = () if "-o" in words else ("-o", "plan")

    done = run("batch", "plan", *words, *folder, cwd=tmp_path, **WIDE)

    assert done.returncode == Exit.USAGE
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "plan").exists()


def test_the_rates_of_the_account_are_those_the_workers_told(
    tmp_path: Path, store: Store, db: redis.Redis, keys: Keys, prefix: str
) -> None:
    db.hset(
        keys.account("default"),
        mapping={"rate": "96", "each": "24", "each:create": "0.5", "mode": "live"},
    )
    db.sadd(keys.accounts, "default")

    done = run(
        *("batch", "plan", str(EXAMPLES / "migration.csv"), "-o", "plan"),
        cwd=tmp_path,
        SOURCES_REDIS_URL=store.url,
        SOURCES_PREFIX=prefix,
        COLUMNS="100",
    )

    told = "8 seconds at least: create at 0.5/s, as the workers have it"
    assert told in done.stdout


def test_a_disk_without_room_is_told_and_leaves_no_plan(tmp_path: Path) -> None:
    """No file may be longer than a megabyte or two here: to a writer it is the same."""
    (tmp_path / "rows.csv").write_bytes(HEADER + b"dance,,,\n" * 40_000)
    limited = ["sh", "-c", 'ulimit -f 2048; exec "$@"', "sh", *COMMAND]

    done = subprocess.run(
        [*limited, "batch", "plan", "rows.csv", "-o", "plan"],
        env={**unset(), **WIDE},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == Exit.CONFIG, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert "nothing was planned, and nothing was sent" in done.stderr
    assert not (tmp_path / "plan").exists()


def test_ctrl_c_leaves_no_plan(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "batch", "plan", "-", "-o", "plan"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**unset(), **WIDE},
        cwd=tmp_path,
    )
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(HEADER + GOOD)
        process.stdin.flush()
        wait_until(lambda: list(tmp_path.glob("plan/.draft-*")), "a draft")
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().decode()
        assert process.wait(timeout=30) == Exit.INTERRUPTED

    assert "interrupted" in said
    assert "Traceback" not in said
    assert not (tmp_path / "plan" / MANIFEST).exists()
    assert not (tmp_path / "plan").exists()
