"""The producers of a chaos run: one thread for each way in, each as the docs say.

Each sends its orders at a steady rate and keeps to it: what an outage holds up is sent
after it, as fast as it goes. Each repeats what may not have arrived in the way that is
promised to be safe, and notes which job the order became.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import msgspec
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from bench.chaos_orders import Order, Way
from bench.chaos_watch import bare
from customer_sources import CustomerSources
from customer_sources.contract.errors import LedgerUnavailable
from customer_sources.contract.ids import job_id_for_key
from customer_sources.contract.names import INTERACTIVE_QUEUE, Keys

BATCH = 10
"""Orders of one `submit_many`."""
PAUSE = 0.2
"""Before a repetition."""


class Producer(threading.Thread):
    """Sends orders at a rate.

    Args:
        url: the store.
        orders: what to send, in this order.
        seconds: time over which to spread them.
    """

    batch = 1

    def __init__(self, url: str, orders: Sequence[Order], seconds: float) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self._url = url
        self._orders = orders
        self._seconds = seconds
        self._stop_asked = threading.Event()
        self.jobs: dict[str, str] = {}
        """The job of each order, by its name, as far as it is known."""
        self.accepted: set[str] = set()
        """Names of those that the ledger is known to have."""
        self.repeated = 0
        """Calls that raised and were made again."""
        self.died: BaseException | None = None
        """What ended this thread, if it was no plan."""

    def run(self) -> None:
        """Send everything, or as much as there is time for."""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  told by whoever waits for it
            self.died = error

    def stop(self) -> None:
        """Give up what is left."""
        self._stop_asked.set()

    def _run(self) -> None:
        started = time.monotonic()
        a_second = len(self._orders) / self._seconds
        for position in range(0, len(self._orders), self.batch):
            due = started + position / a_second
            self._stop_asked.wait(max(0.0, due - time.monotonic()))
            self._insist(self._orders[position : position + self.batch])

    def _insist(self, chunk: Sequence[Order]) -> None:
        """Send until it has arrived, or until there is no more time."""
        left = list(chunk)
        while left and not self._stop_asked.is_set():
            left = self._send(left)
            if left:
                self.repeated += 1
                self._stop_asked.wait(PAUSE)

    @abstractmethod
    def _send(self, orders: list[Order]) -> list[Order]:
        """Send once. Returns those that have to be sent again."""

    def _took(self, order: Order, job_id: str) -> None:
        self.jobs[order.name] = job_id
        self.accepted.add(order.name)


class Sdk(Producer):
    """Calls the SDK's methods; repeats a call with the id that the error carried."""

    def __init__(self, url: str, orders: Sequence[Order], seconds: float) -> None:
        super().__init__(url, orders, seconds)
        self._client = CustomerSources(url)

    def _run(self) -> None:
        with self._client:
            super()._run()

    def _send(self, orders: list[Order]) -> list[Order]:
        return [order for order in orders if not self._call(order)]

    def _call(self, order: Order) -> bool:
        arguments = dict(order.command)
        if known := self.jobs.get(order.name):
            arguments["job_id"] = known
        method = getattr(self._client.customer.source, arguments.pop("operation"))
        try:
            job = method(**arguments)
        except LedgerUnavailable as error:
            self.jobs[order.name] = error.job_id
            return False
        self._took(order, job.id)
        return True


class Many(Sdk):
    """Calls `submit_many`; what failed on the way is repeated one by one, by its id."""

    batch = BATCH

    def _send(self, orders: list[Order]) -> list[Order]:
        if any(order.name in self.jobs for order in orders):
            return super()._send(orders)
        failed = []
        results = self._client.submit_many(order.command for order in orders)
        for order, result in zip(orders, results, strict=True):
            if result.error is None:
                self._took(order, result.job_id)
            elif isinstance(result.error, LedgerUnavailable):
                self.jobs[order.name] = result.job_id
                failed.append(order)
            else:
                raise result.error
        return failed


class Inbox(Producer):
    """Adds entries to the stream, as any language would, with a key of its own."""

    def _send(self, orders: list[Order]) -> list[Order]:
        (order,) = orders
        self.jobs[order.name] = job_id_for_key(order.account, order.key)
        command = msgspec.json.encode({**order.command, "idempotency_key": order.key})
        try:
            with bare(self._url, seconds=5) as store:
                store.xadd(Keys().inbox, {"command": command})
        except redis.RedisError:
            return orders
        self._took(order, self.jobs[order.name])
        return []


class CeleryTasks(Producer):
    """Sends Celery's own messages. Only the ledger knows which of them were taken."""

    def __init__(self, url: str, orders: Sequence[Order], seconds: float) -> None:
        super().__init__(url, orders, seconds)
        self._app = Celery(broker=url, set_as_current=False)
        self._app.conf.broker_transport_options = {
            "global_keyprefix": Keys().prefix,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
        }

    def _send(self, orders: list[Order]) -> list[Order]:
        (order,) = orders
        key = f"celery:{order.key}"
        self.jobs[order.name] = job_id_for_key(order.account, key)
        arguments = dict(order.command)
        operation = arguments.pop("operation")
        try:
            with self._app.connection_for_write() as connection:
                self._app.send_task(
                    f"sources.{operation}",
                    kwargs=arguments,
                    task_id=order.key,
                    queue=INTERACTIVE_QUEUE,
                    connection=connection,
                    ignore_result=True,
                    retry=False,
                )
        except (OperationalError, redis.RedisError, OSError):
            return orders
        return []


PRODUCERS: dict[Way, type[Producer]] = {
    Way.SDK: Sdk,
    Way.MANY: Many,
    Way.INBOX: Inbox,
    Way.CELERY: CeleryTasks,
}


def start_all(url: str, orders: Sequence[Order], seconds: float) -> list[Producer]:
    """Start a producer for each way."""
    started: list[Any] = []
    for way, kind in PRODUCERS.items():
        mine = [order for order in orders if order.way is way]
        producer = kind(url, mine, seconds)
        producer.start()
        started.append(producer)
    return started
