"""The SDK lives in other teams' services: it takes nothing, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

import customer_sources
from customer_sources import AsyncCustomerSources, CustomerSources, Job
from customer_sources.contract.names import Keys
from sandbox.store import Store

HOSTS_OWN = ("config", "tasks", "worker", "sandbox", "contract", "store")
"""Names that a service may well have given to packages of its own."""

RunInHost = Callable[[str], Any]


@pytest.fixture
def in_host(tmp_path: Path, store: Store, prefix: str, db: redis.Redis) -> RunInHost:
    """Run code in a service that has the client installed, and none of our project.

    Site packages are put on the path by hand: so nothing that this project's own
    installation adds to it is there.
    """
    for name in HOSTS_OWN:
        (tmp_path / "host" / name).mkdir(parents=True)
        text = f"NAME = 'the hosts {name}'\n"
        (tmp_path / "host" / name / "__init__.py").write_text(text, encoding="utf-8")
    client = Path(customer_sources.__file__).parent
    shutil.copytree(client, tmp_path / "installed" / client.name)
    places = (tmp_path / "host", tmp_path / "installed", sysconfig.get_path("purelib"))

    def run(code: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-S", "-P", "-W", "error", "-c", textwrap.dedent(code)],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, places)),
                "SOURCES_REDIS_URL": store.url,
                "PREFIX": prefix,
            },
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def test_the_hosts_own_packages_stay_the_hosts(
    in_host: RunInHost, client: CustomerSources
) -> None:
    told = in_host(f"""
        import importlib, json, os
        from customer_sources import CustomerSources
        names = {HOSTS_OWN}
        with CustomerSources(prefix=os.environ["PREFIX"]) as client:
            job = client.customer.source.create(customer="cus_1", source="tok_visa")
            job.refresh()
        modules = [importlib.import_module(name) for name in names]
        print(json.dumps([job.id, [m.NAME for m in modules]]))
    """)

    assert told[1] == [f"the hosts {name}" for name in HOSTS_OWN]
    assert client.job(told[0])


def test_importing_brings_no_other_packages_and_starts_nothing(
    in_host: RunInHost,
) -> None:
    loaded, threads = in_host("""
        import json, sys, threading
        import redis, redis.asyncio, msgspec
        before = set(sys.modules)
        import customer_sources, customer_sources.testing
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        foreign = new - sys.stdlib_module_names - {"customer_sources"}
        unwanted = {"celery", "kombu", "httpx", "aiohttp", "pydantic", "structlog"}
        print(json.dumps([sorted(foreign | unwanted & set(sys.modules)),
                          threading.active_count()]))
    """)

    assert [name for name in loaded if name not in {"redis", "msgspec"}] == []
    assert threads == 1


def test_logging_warnings_and_signals_are_left_alone(in_host: RunInHost) -> None:
    before, after = in_host("""
        import json, logging, os, signal, sys, warnings
        import redis, redis.asyncio, msgspec
        def seen():
            root = logging.getLogger()
            ours = logging.getLogger("customer_sources")
            return repr([
                root.handlers, root.level, root.filters, logging.root.manager.disable,
                ours.handlers, ours.level, ours.propagate, ours.disabled,
                warnings.filters, warnings.showwarning, sys.excepthook,
                [signal.getsignal(number) for number in sorted(signal.valid_signals())],
                sorted(os.environ.items()), sys.path, os.getcwd(),
            ])
        before = seen()
        from customer_sources import CustomerSources
        with CustomerSources(prefix=os.environ["PREFIX"]) as client:
            client.customer.source.get(customer="cus_1", id="card_1").refresh()
            list(client.events(after="0", timeout=0))
        print(json.dumps([before, seen()]))
    """)

    assert before == after


def test_the_hosts_celery_app_stays_the_current_one_and_as_it_was(
    in_host: RunInHost, client: CustomerSources
) -> None:
    before, after, job_id, broker = in_host("""
        import json, os
        import celery
        from celery import Celery, current_app, signals
        from celery.utils.dispatch import Signal
        app = Celery("host", broker="memory://", backend="cache+memory://")
        app.conf.update(
            task_always_eager=True, task_default_queue="hosts", task_ignore_result=False
        )
        def seen():
            connected = {n: len(s.receivers) for n, s in sorted(vars(signals).items())
                         if isinstance(s, Signal)}
            return [connected, current_app.main, celery.current_app.conf.broker_url,
                    app.conf.task_default_queue, sorted(app.conf.task_routes or [])]
        @app.task(name="host.pay")
        def pay():
            from customer_sources import CustomerSources
            with CustomerSources(prefix=os.environ["PREFIX"]) as client:
                return client.customer.source.get(customer="cus_1", id="card_1").id
        app.finalize()
        before = [seen(), sorted(app.tasks)]
        job_id = pay.delay().get()
        print(json.dumps([before, [seen(), sorted(app.tasks)], job_id,
                          app.connection().as_uri()]))
    """)

    assert before == after
    assert broker.startswith("memory:")
    assert client.job(job_id)


def test_forked_children_and_their_parent_each_get_their_own_answers(
    in_host: RunInHost, client: CustomerSources
) -> None:
    """As gunicorn does with preload: the client is made and used before the fork."""
    told = in_host("""
        import json, os
        from customer_sources import CustomerSources
        client = CustomerSources(prefix=os.environ["PREFIX"])
        def submit(who, count=40):
            jobs = []
            for n in range(count):
                customer = f"cus_{who}_{n}"
                job = client.customer.source.get(customer=customer, id="card_1")
                assert client.command(job.id).customer == customer
                jobs.append([customer, job.id])
            return jobs
        first = submit("before", 1)
        go_read, go_write = os.pipe()
        pipes = []
        for child in range(4):
            read, write = os.pipe()
            if os.fork() == 0:
                try:
                    os.close(go_write)
                    os.read(go_read, 1)  # until the parent lets all go at once
                    with os.fdopen(write, "w") as out:
                        out.write(json.dumps(submit(f"child{child}")))
                finally:
                    os._exit(0)
            os.close(write)
            pipes.append(read)
        os.close(go_write)
        jobs = first + submit("parent")
        for read in pipes:
            with os.fdopen(read) as answers:
                jobs += json.load(answers)
        codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in pipes]
        jobs += submit("after", 1)
        client.close()
        print(json.dumps([codes, jobs]))
    """)

    codes, jobs = told
    assert codes == [0] * 4
    assert len(jobs) == 202
    assert len({job_id for _, job_id in jobs}) == 202
    for customer, job_id in jobs:
        command = client.command(job_id)
        assert command is not None
        assert command.customer == customer


def test_a_hosts_own_connections_are_not_touched(
    store: Store, client: CustomerSources
) -> None:
    host = redis.Redis.from_url(store.url, max_connections=1, client_name="host")
    one = host.client_id()
    job = client.customer.source.get(customer="cus_1", id="card_1")
    with CustomerSources(store.url, prefix=client._keys.prefix) as other:
        other.job(job.id)

    assert host.client_id() == one  # the same connection, never lent, never closed
    assert host.client_getname() == "host"
    assert host.echo("bytes") == b"bytes"
    host.close()


async def test_the_sync_client_is_used_from_many_threads(
    client: CustomerSources,
) -> None:
    def submit(number: int) -> Job:
        return client.customer.source.get(customer=f"cus_{number}", id="card_1")

    jobs = await asyncio.gather(*(asyncio.to_thread(submit, n) for n in range(60)))

    commands = [client.command(job.id) for job in jobs]
    assert [one.customer if one else "" for one in commands] == [
        f"cus_{n}" for n in range(60)
    ]


async def test_event_loops_each_have_a_client_of_their_own(
    store: Store, client: CustomerSources, keys: Keys
) -> None:
    async def submit(name: str) -> list[str]:
        async with AsyncCustomerSources(store.url, prefix=keys.prefix) as aio:
            get = aio.customer.source.get
            jobs = [get(customer=f"cus_{name}_{n}", id="card_1") for n in range(20)]
            return [job.id for job in await asyncio.gather(*jobs)]

    def in_a_loop_of_its_own(name: str) -> list[str]:
        return asyncio.run(submit(name))

    both = asyncio.gather(
        asyncio.to_thread(in_a_loop_of_its_own, "a"),
        asyncio.to_thread(in_a_loop_of_its_own, "b"),
    )
    ids = [*await submit("here"), *(job_id for found in await both for job_id in found)]

    assert len(set(ids)) == 60
    assert [str(client.job(job_id).state) for job_id in ids] == ["queued"] * 60
