"""The Lua side forms the same names as `names.Keys`: asked in the store itself."""

from __future__ import annotations

import redis

from customer_sources import CustomerSources, scripts
from customer_sources.contract.names import DEFAULT_ACCOUNT, Class, Keys
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.states import TERMINAL
from worker import scripting

FORMED_BY_LUA = """
return {
  job_key(ARGV[2]), command_key(ARGV[2]), result_key(ARGV[2]), log_key(ARGV[2]),
  tombstone_key(ARGV[2]),  lane_key(ARGV[3]), wake_key(ARGV[4]),
  META, PULSE, EVENTS, REVIEW, POISON, WORKERS,
  account_key(ARGV[5]), line_key(ARGV[5], ARGV[6], ARGV[4]),
  ACCOUNTS, GATES, URGENT,
  flight_key(ARGV[5]), flight_key(ARGV[5]) .. ':' .. ARGV[6],
  UNDECIDED, SWEEP_KEY, SLOTS,
  WATCHES, ENDED_WATCHES, watch_key(ARGV[3]), attempts_key(ARGV[3]),
}
"""


def test_lua_and_python_form_the_same_keys(db: redis.Redis, keys: Keys) -> None:
    lane, job_class = "default:cus_ä", Class.SCHEDULED
    shared = [scripts.read(name) for name in scripts.PRELUDES]
    shared += [scripts.read(name, "worker") for name in scripting.SHARED]
    script = db.register_script("\n".join([*shared, FORMED_BY_LUA]))
    arguments = [keys.prefix, "job_1", lane, job_class, "acme", "verify"]

    assert script(args=arguments) == [
        keys.job("job_1"),
        keys.command("job_1"),
        keys.result("job_1"),
        keys.log("job_1"),
        keys.tombstone("job_1"),
        keys.lane(lane),
        keys.wake(job_class),
        keys.meta,
        keys.pulse,
        keys.events,
        keys.review,
        keys.poison,
        keys.workers,
        keys.account("acme"),
        keys.line("acme", "verify", job_class),
        keys.accounts,
        keys.gates,
        keys.urgent,
        keys.flight("acme"),
        keys.flight("acme", "verify"),
        keys.undecided,
        keys.sweep,
        keys.sweep_slots,
        keys.watches,
        keys.ended_watches,
        keys.watch(lane),
        keys.attempts(lane),
    ]


def test_lua_and_python_agree_on_accounts_and_operations(
    db: redis.Redis, keys: Keys
) -> None:
    told = "local t = {unpack(OPERATIONS)} t[#t + 1] = DEFAULT_ACCOUNT return t"
    shared = [scripts.read(name) for name in ("prelude", "places")]
    script = db.register_script("\n".join([*shared, told]))

    # A token is read to settle a doubt; nobody asks for that as an operation.
    wanted = {*OPERATIONS, "token", DEFAULT_ACCOUNT}
    assert set(script(args=[keys.prefix])) == wanted


def test_lua_and_python_agree_on_which_states_are_terminal(
    db: redis.Redis, keys: Keys
) -> None:
    told = "local t = {} for s in pairs(TERMINAL) do t[#t + 1] = s end return t"
    script = db.register_script(scripts.read("prelude") + told)

    assert set(script(args=[keys.prefix])) == {state.value for state in TERMINAL}


def test_an_end_is_published_where_python_listens(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    with db.pubsub(  # type: ignore[no-untyped-call]  # as redis-py has it
        ignore_subscribe_messages=True
    ) as pubsub:
        pubsub.subscribe(keys.done_channel(job.id))
        assert pubsub.get_message(timeout=5) is None  # the subscription itself
        client.cancel(job.id)
        message = pubsub.get_message(timeout=5)

    assert message is not None
    assert message["data"] == "cancelled"
