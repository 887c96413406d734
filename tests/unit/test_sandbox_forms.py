import pytest

from sandbox.errors import RefusedError
from sandbox.forms import decode


@pytest.mark.parametrize(
    "encoded",
    [
        "expand[]=customer&expand[]=data",
        "expand[0]=customer&expand[1]=data",
        "expand%5B%5D=customer&expand%5B%5D=data",
        "expand%5B0%5D=customer&expand%5B1%5D=data",
    ],
)
def test_every_array_notation_decodes_to_the_same(encoded: str) -> None:
    assert decode(encoded) == {"expand": {"0": "customer", "1": "data"}}


def test_hashes_nest() -> None:
    form = decode("owner[address][city]=Ulm&owner[name]=A+B&metadata[k]=%26")
    assert form == {
        "owner": {"address": {"city": "Ulm"}, "name": "A B"},
        "metadata": {"k": "&"},
    }


def test_empty_values_are_kept_because_they_unset_fields() -> None:
    assert decode("metadata[a]=&name=") == {"metadata": {"a": ""}, "name": ""}


def test_query_and_body_are_read_as_one_form() -> None:
    assert decode("expand[]=customer", "source=tok_visa") == {
        "expand": {"0": "customer"},
        "source": "tok_visa",
    }


def test_the_last_of_two_equal_names_wins() -> None:
    assert decode("source=a&source=b") == {"source": "b"}


@pytest.mark.parametrize("name", ["a[b", "[a]", "a]b["])
def test_unbalanced_brackets_are_part_of_the_name(name: str) -> None:
    assert decode(f"{name}=1") == {name: "1"}


@pytest.mark.parametrize(
    "encoded", ["source=tok&source[number]=4", "source[number]=4&source=tok"]
)
def test_one_name_cannot_be_both_a_value_and_a_hash(encoded: str) -> None:
    with pytest.raises(RefusedError) as refused:
        decode(encoded)
    assert refused.value.status == 400
    assert refused.value.error["param"] == "source"
