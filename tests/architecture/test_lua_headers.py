"""`tools.lua_headers` must be able to fail: each rule is broken in a copy."""

import re
import shutil
from pathlib import Path

import pytest

from tests.architecture.project import ROOT
from tools import lua_headers

SAMPLE = """\
-- Say what became of a job, and mark that somebody looked.
--
-- ARGV     2 id  3 looker (1 = a person,
--          0 = a program)  4.. fields
-- Returns  {FOUND | MISSING, state}
-- Invariant  Looking changes nothing that counts.
local id, looker = ARGV[2], ARGV[3]

local answer = {}
for i = 4, #ARGV do answer[#answer + 1] = ARGV[i] end
local job = read_job(id, 'state')
if not job.state then return {'MISSING'} end
redis.call('HSET', job_key(id), 'looker', looker)
return {'FOUND', job.state}
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in lua_headers.FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_the_scripts_of_the_project_are_fine(copy: Path) -> None:
    assert lua_headers.problems(ROOT) == []
    assert lua_headers.problems(copy) == []
    assert lua_headers.main(copy) == 0


@pytest.mark.parametrize(
    ("script", "pattern", "instead", "complaint"),
    [
        ("worker/lua/claim.lua", r"-- Returns ", "-- Answers ", "`-- Returns  ...`"),
        ("worker/lua/claim.lua", r"-- Invariant ", "-- Note ", "`-- Invariant  ...`"),
        ("worker/lua/claim.lua", r"-- ARGV ", "-- Args ", "`-- ARGV  ...`"),
        ("worker/lua/claim.lua", r"\n-- T(.*\n)+?--\n", "\n", "begin with a sentence"),
        ("worker/lua/claim.lua", r"\A-- .*", "-- Claim.", "begin with a sentence"),
        ("worker/lua/claim.lua", r"ARGV\[3\]", "ARGV[19]", "ARGV[19] is used and not"),
        ("worker/lua/claim.lua", r"ARGV\[3\]", "ARGV[2]", "ARGV[3] is in the header"),
        ("worker/lua/claim.lua", r"'BUSY'", "'TAKEN'", "TAKEN is not in `Returns`"),
        ("worker/lua/claim.lua", r"\blocal now = ", "now = ", "assigns `now`"),
        ("worker/lua/claim.lua", r"\bwake_at\(", "wake_up(", "global `wake_up`"),
        ("worker/lua/claim.lua", r"\blocal id, ", "local = id, ", "syntax error"),
        ("worker/lua/claim.lua", r"\Z", "-- more\n" * 100, "lines, more than 100"),
        ("worker/lua/commit.lua", r"allow-oom", "allow-all", "'allow-all' is not one"),
        ("worker/lua/commit.lua", r"\A", "\n", "first line `-- flags: ...`"),
        ("worker/lua/heartbeat.lua", r"  5\.\. id", "  5 id", "names no `n..`"),
        ("worker/lua/heartbeat.lua", r"= 5, #ARGV", "= 6, #ARGV", "is read on from 6"),
        ("worker/lua/prelude.lua", r"\A(--.*\n)+", "", "begin with a sentence"),
        (
            "worker/lua/prelude.lua",
            r"\blocal function is_mine",
            "function is_mine",
            "s",
        ),
        ("worker/lua/prelude.lua", r"\Z", "end\n", "syntax error"),
        ("worker/lua/permits.lua", r"\A(--.*\n)+", "", "begin with a sentence"),
        ("worker/lua/permits.lua", r"\blocal STEADY", "STEADY", "assigns `STEADY`"),
        ("worker/lua/sending.lua", r"\bpermit\(", "permits(", "global `permits`"),
        ("worker/lua/sending.lua", r"\Z", "end\n", "syntax error"),
    ],
)
def test_a_broken_copy_is_found(
    copy: Path,
    capsys: pytest.CaptureFixture[str],
    script: str,
    pattern: str,
    instead: str,
    complaint: str,
) -> None:
    text = (copy / script).read_text(encoding="utf-8")
    broken = re.sub(pattern, instead, text, count=1)
    assert broken != text
    (copy / script).write_text(broken, encoding="utf-8")

    assert lua_headers.main(copy) == 1
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{script}:") and complaint in line for line in printed)


def test_a_folder_without_scripts_is_a_problem(tmp_path: Path) -> None:
    assert lua_headers.problems(tmp_path) == [
        f"{folder}: there is no Lua script in it" for folder in lua_headers.FOLDERS
    ]


@pytest.mark.parametrize(
    "line",
    [
        "local function f(a, ...) local b = a or select(1, ...) return b end",
        "local t = {id = 1, ['x'] = id, looker} t.y = t.id t[id] = string.sub(id, 1)",
        "for _, v in ipairs(answer) do local w = v answer[w] = v end",
        "repeat local done = true until done",
        "local function loop(n) if n > 0 then loop(n - 1) end end",
        "local s = 'FINE' answer = {id:upper(), s}",
        "local function g() return id == '' and 'FOUND' or 'MISSING' end",
        "-- flags are only read at the top",
    ],
)
def test_ordinary_lua_is_no_problem(copy: Path, line: str) -> None:
    assert judge(copy, SAMPLE.replace("local job", f"{line}\nlocal job")) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("count = 1", "8: assigns `count`, which is no local of this file"),
        ("local function f() count = 1 end", "8: assigns `count`"),
        ("if id then local x = 1 end x = 2", "8: assigns `x`"),
        ("for x = 1, 2 do end x = 1", "8: assigns `x`"),
        ("function helper() end", "8: assigns `helper`"),
        ("id, count = 1, 2", "8: assigns `count`"),
        ("META = 'x'", "8: assigns `META`"),
        ("local x = coutn", "8: reads the global `coutn`"),
        ("local x = {[coutn] = 1}", "8: reads the global `coutn`"),
        ("local x = x", "8: reads the global `x`"),
        ("repeat local y = 1 until y local z = y", "8: reads the global `y`"),
        ("_G.x = 1", "8: reads the global `_G`"),
        ("goto out ::out::", "newer than the store's Lua 5.1"),
        ("local x = 7 // 2", "newer than the store's Lua 5.1"),
        ("local x = 7 & 2", "newer than the store's Lua 5.1"),
        ("local x <const> = 7", "newer than the store's Lua 5.1"),
        ("if id then return 'LOST' end", "8: LOST is not in `Returns`"),
        ("if id then return id and {'LOST'} or {} end", "8: LOST is not"),
        ("if id then return {id, id == '' and 'NO' or 'YES'} end", "8: YES is not"),
        ("local x = ARGV[1]", "1: ARGV[1] is used and not in the header"),
        ("local rest = {unpack(ARGV, 6)}", "1: ARGV is read on from 6"),
        ("--flags: allow-oom", "8: flags are read from a first line"),
    ],
)
def test_a_slip_is_found_on_its_line(copy: Path, line: str, complaint: str) -> None:
    told = judge(copy, SAMPLE.replace("ARGV[3]\n", f"ARGV[3]\n{line}\n"))

    assert [one for one in told if complaint in one]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("2 id  3 looker", "3 looker  2 id", "another order"),
        ("2 id  3 looker", "2 id  2 looker", "another order"),
        ("{FOUND |", "{FOUND | GONE |", "GONE is in `Returns` and nothing here says"),
        ("-- Returns  {FOUND", "-- Returns  once\n-- Returns  {FOUND", "one paragraph"),
        ("-- Returns  {FOUND | MISSING, state}\n", "-- Returns\n", "one paragraph"),
        ("for i = 4, #ARGV do answer[#answer + 1] = ARGV[i] end", "", "not used as a"),
    ],
)
def test_a_stale_header_is_found(
    copy: Path, old: str, new: str, complaint: str
) -> None:
    assert old in SAMPLE
    assert [one for one in judge(copy, SAMPLE.replace(old, new)) if complaint in one]


def judge(copy: Path, text: str) -> list[str]:
    """Put one script alone behind the preludes; return what is wrong with it."""
    for folder in lua_headers.FOLDERS:
        for script in (copy / folder).glob("*.lua"):
            if script.name not in lua_headers.PRELUDES:
                script.unlink()
    (copy / "worker/lua/sample.lua").write_text(text, encoding="utf-8")
    found = lua_headers.problems(copy)
    start = "worker/lua/sample.lua:"
    assert [one for one in found if not one.startswith(start)] == []
    return [one.removeprefix(start) for one in found]
