"""docs/from-the-stripe-sdk.md names every call and parameter, of theirs and of ours."""

import inspect
import re

import msgspec
import pytest
import stripe
from stripe import _customer_payment_source_service as payment_sources

from customer_sources.contract.operations import OPERATIONS
from customer_sources.sources import CommandOptions, Sources
from tests.architecture.project import ROOT

PAGE = (ROOT / "docs/from-the-stripe-sdk.md").read_text(encoding="utf-8")
ROWS = [
    [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ")
]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_of_an_operation_is_in_its_row(name: str) -> None:
    fields = {one.name for one in msgspec.structs.fields(OPERATIONS[name].params)}
    given = inspect.signature(getattr(Sources, name)).parameters
    ours = set(given) - {"self", "customer", "id", "options", *fields}

    (row,) = [row for row in ROWS if row[0] == [name]]

    assert set(row[1]) == fields
    assert set().union(*row[2:]) == ours


def test_every_option_is_named() -> None:
    (line,) = re.findall(r"Every operation also takes (.+?)\.\n", PAGE, re.DOTALL)

    assert set(re.findall(r"`(\w+)`", line)) == set(CommandOptions.__annotations__)


def test_the_calls_exist_in_both_packages() -> None:
    rows = [row for row in ROWS if row[0] and "(customer" in row[0][0]]
    service = payment_sources.CustomerPaymentSourceService
    homes = (service, stripe.Customer, Sources)

    assert len(rows) == len(OPERATIONS)
    for row in rows:
        for home, cell in zip(homes, row, strict=True):
            for call in cell:
                assert callable(getattr(home, call.partition("(")[0])), call
