"""From columns and names to the fields of a command, and what a row may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_sources.contract.operations import OPERATIONS
from tests.planned import objects, table
from worker.batches.fields import Field, find_field
from worker.batches.mapping import Columns, Names, read_renames
from worker.batches.opening import InputInvalid

BOTH = "give both deposits in cents, such as 32 and 45"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("customer", ("customer",)),
        ("metadata.order_id", ("metadata", "order_id")),
        ("metadata[order_id]", ("metadata", "order_id")),
        ("metadata.a.b", ("metadata", "a.b")),
        ("metadata[a.b]", ("metadata", "a.b")),
        ("metadata[a b]", ("metadata", "a b")),
        ("owner.address.city", ("owner", "address", "city")),
        ("owner[address][city]", ("owner", "address", "city")),
        ("owner.address[city]", ("owner", "address", "city")),
        ("amounts", ("amounts",)),
        ("amounts.0", ("amounts", 0)),
        ("amounts[1]", ("amounts", 1)),
        ("missing_ok", ("missing_ok",)),
    ],
)
def test_a_column_is_a_place_in_a_command(name: str, path: tuple[str, ...]) -> None:
    field = find_field(name)

    assert isinstance(field, Field)
    assert field.path == path


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("colour", "colour is no field; known:"),
        ("", "is no field; known:"),
        ("metadata", "name one: metadata.NAME"),
        ("owner", "name one: owner.NAME"),
        ("owner.address", "name one: address.NAME"),
        ("owner.colour", "owner has: address, email, name, phone"),
        ("customer.id", "customer has nothing inside it"),
        ("amounts.x", "amounts has nothing inside it"),
        ("amounts[]", "expected a name like"),
        ("metadata.", "expected a name like"),
        ("metadata[a", "expected a name like"),
        ("amounts..0", "expected a name like"),
    ],
)
def test_what_is_no_field_is_told_with_what_is_known(name: str, told: str) -> None:
    found = find_field(name)

    assert isinstance(found, str)
    assert told in found


def test_every_parameter_of_every_operation_can_be_a_column() -> None:
    for operation in OPERATIONS.values():
        for name in operation.params.__struct_fields__:
            found = find_field(name, operation.name)
            assert isinstance(found, Field) or f"name one: {name}.NAME" in found


def test_values_are_read_as_the_parameter_wants_them(tmp_path: Path) -> None:
    header = "operation,customer,id,limit,amounts,all_pages,exp_month,expand,validate"
    planned = table(
        tmp_path,
        header,
        "list,cus_1,,20,,,,data;x,",
        "list,cus_1,,,,TRUE,,,",
        "verify,cus_1,ba_1,,32;45,,,,",
        "update,cus_1,card_1,,,,01,,",
        "create,cus_1,,,,,,,false",
    )

    assert planned.rejected == []
    assert [dict(list(one.items())[2:]) for one in planned.asked()] == [
        {"limit": 20, "expand": ["data", "x"]},
        {"all_pages": True},
        {"id": "ba_1", "amounts": [32, 45]},
        {"id": "card_1", "exp_month": "01"},
        {"validate": False},
    ]
    bodies = [row.body for row in planned.rows]
    assert bodies[0] == "limit=20&expand[]=data&expand[]=x"
    assert bodies[2] == "amounts[]=32&amounts[]=45"
    assert planned.rows[1].all_pages


@pytest.mark.parametrize(
    ("column", "cell", "field"),
    [
        ("amounts", "32;4x", "amounts[1]"),
        ("amounts", "32;", "amounts[1]"),
        ("amounts", "0.32", "amounts[0]"),
        ("amounts", "3200;45", "amounts[0]"),
        ("amounts.0", "abc", "amounts[0]"),
        ("amounts[0]", "3200", "amounts[0]"),
    ],
)
def test_a_value_that_does_not_fit_is_told_where_it_stands(
    tmp_path: Path, column: str, cell: str, field: str
) -> None:
    header = f"operation,customer,id,{column}"
    planned = table(tmp_path, header, f"verify,cus_1,ba_1,{cell}")

    ((line, told, words),) = planned.reasons()
    assert (line, told) == (2, field)
    assert cell not in words


@pytest.mark.parametrize(
    ("column", "cell"), [("reference", "x" * 256), ("livemode", "maybe")]
)
def test_an_option_that_does_not_fit_is_told_by_its_name(
    tmp_path: Path, column: str, cell: str
) -> None:
    header = f"operation,customer,id,amounts,{column}"
    planned = table(tmp_path, header, f"verify,cus_1,ba_1,32;45,{cell}")

    ((line, told, words),) = planned.reasons()
    assert (line, told) == (2, column)
    assert cell not in words


def test_lists_can_have_a_column_for_each_item(tmp_path: Path) -> None:
    header = "operation,customer,id,amounts.1,amounts[0]"
    planned = table(
        tmp_path,
        header,
        "verify,c,ba_1,45,32",
        "verify,c,ba_2,,32",
        "verify,c,ba_3,45,",
    )

    assert [one["amounts"] for one in planned.asked()] == [[32, 45]]
    assert planned.reasons() == [
        (3, "amounts", BOTH),
        (4, "amounts[0]", "is not given, and a later one is"),
    ]


def test_columns_with_parts_become_nested_parameters(tmp_path: Path) -> None:
    header = "operation,customer,id,owner.email,owner.address.city,metadata.a"
    planned = table(tmp_path, header, "update,c,src_1,a@example.com,Graz,1")

    (row,) = planned.rows
    assert row.body == (
        "owner[address][city]=Graz&owner[email]=a%40example.com&metadata[a]=1"
    )


def test_an_empty_cell_is_not_given(tmp_path: Path) -> None:
    planned = table(tmp_path, "operation,customer,source,metadata.a", "create,c,,")

    assert planned.asked() == [{"operation": "create", "customer": "c"}]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("operation,customer,colour", "column 3, 'colour': colour is no field"),
        ("operation,customer,customer", "2 columns give customer"),
        ("amounts.0,amounts[0]", "2 columns give amounts.0"),
        ("amounts,amounts.1", "one column gives all of amounts"),
        ("operation;customer;id", "semicolons between its names; expected commas"),
        ("operation\tcustomer", "tabs between its names; expected commas"),
        ("4242424242424242,cus_1", "column 1, (not shown)"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    tmp_path: Path, header: str, told: str
) -> None:
    with pytest.raises(InputInvalid, match="line 1: the header:") as refused:
        table(tmp_path, header, "create,cus_1")

    assert told in str(refused.value)
    assert "4242424242424242" not in str(refused.value)


def test_all_problems_of_a_header_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid) as refused:
        table(tmp_path, "a,b,operation,operation", "1,2,3,4", renamed={"z": "id"})

    assert len(str(refused.value).split("\n")) == 5


def test_a_column_without_a_name_must_be_empty(tmp_path: Path) -> None:
    planned = table(tmp_path, "operation,customer,,", "list,c,,", "list,c,x,y")

    assert planned.reasons() == [
        (3, "row", "a cell of a column that has no name"),
        (3, "row", "a cell of a column that has no name"),
    ]


def test_columns_can_stand_for_fields_and_be_left_out(tmp_path: Path) -> None:
    renamed = read_renames(["Kunde=customer", "Order=No=metadata.order_no", "Note="])
    header = "Kunde,Order=No,Note,operation"

    planned = table(tmp_path, header, "cus_1,7,x,create", renamed=renamed)

    (asked,) = planned.asked()
    assert asked["customer"] == "cus_1"
    assert asked["metadata"] == {"order_no": "7"}
    assert "x" not in asked.values()


def test_names_in_json_can_stand_for_fields(tmp_path: Path) -> None:
    renamed = {"kunde": "customer", "nr": "metadata.order_no", "note": ""}
    row = {"operation": "create", "kunde": "cus_1", "nr": "7", "note": [1]}

    planned = objects(
        tmp_path,
        row,
        row | {"metadata": {"a": "b"}},
        row | {"metadata": {"order_no": "8"}},
        row | {"metadata": "text"},
        row | {"customer": "cus_2"},
        renamed=renamed,
    )

    assert [one["metadata"] for one in planned.asked()] == [
        {"order_no": "7"},
        {"a": "b", "order_no": "7"},
    ]
    twice = "is given twice: as it is, and by --map"
    assert (3, "metadata.order_no", twice) in planned.reasons()
    assert (4, "metadata.order_no", twice) in planned.reasons()
    assert (5, "customer", twice) in planned.reasons()


def test_names_in_json_are_mapped_in_the_order_in_which_that_was_said(
    tmp_path: Path,
) -> None:
    """A set would give another order, and another batch, each time."""
    names = [f"column_{number}" for number in range(20)]
    renamed = {name: f"metadata.{name}" for name in names}
    row = {"operation": "create", "customer": "c"} | dict.fromkeys(names, "x")

    planned = objects(tmp_path, row, renamed=renamed)

    assert list(planned.asked()[0]["metadata"]) == names


@pytest.mark.parametrize("texts", [["a"], ["=a"], [""], ["a=b", "a=c"]])
def test_a_map_that_is_none_is_refused(texts: list[str]) -> None:
    with pytest.raises(InputInvalid, match="--map"):
        read_renames(texts)


@pytest.mark.parametrize(
    "renamed",
    [
        {"a": "colour"},
        {"a": "customer", "b": "customer"},
        {"a": "amounts.0"},
        {"4242424242424242": "colour"},
    ],
)
def test_names_that_are_mapped_to_nothing_are_refused(renamed: dict[str, str]) -> None:
    with pytest.raises(InputInvalid) as refused:
        Names(renamed, "")

    assert "4242" not in str(refused.value)


def test_a_map_of_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputInvalid, match="--map 'b': there is no such column"):
        Columns(["customer"], {"b": "id"}, "")
