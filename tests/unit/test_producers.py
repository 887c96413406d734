"""Plain Celery tasks take any arguments at all and never raise."""

from __future__ import annotations

from typing import Any

from celery import Celery
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.operations import OPERATIONS
from tasks import producers

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
taken: list[tuple[dict[str, Any] | None, str]] = []
app = Celery("producers-under-test", set_as_current=False)
producers.register(app, lambda command, name: taken.append((command, name)))


@settings(deadline=None, max_examples=200)
@example("get", [], {"self": 1, "operation": "refund", "args": 2})
@given(
    st.sampled_from(sorted(OPERATIONS)),
    st.lists(json_values, max_size=3),
    st.dictionaries(st.text(max_size=9), json_values, max_size=5),
)
def test_whatever_a_producer_sends_is_taken_as_data(
    operation: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    taken.clear()
    app.tasks[f"sources.{operation}"].apply(args, kwargs, task_id="t-1", throw=True)

    ((command, name),) = taken
    assert name == "celery:t-1"
    assert command == (None if args else {**kwargs, "operation": operation})
