"""Fitting what a producer gave to declared types, and saying all that does not fit.

msgspec's own conversion stops at the first misfit, and quotes values. This one walks
the same declarations, names every place, and quotes nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import inspect

from customer_sources.contract.errors import Problem
from customer_sources.contract.texts import can_be_named, text_problems


class Fitter:
    """Fits values, and collects the problems of those that do not fit.

    Args:
        harmless: fields whose values may look like card numbers and are none.
    """

    def __init__(self, harmless: Collection[str] = ()) -> None:
        self.problems: list[Problem] = []
        self._harmless = harmless

    def fit(self, field: str, value: object, kind: inspect.Type) -> Any:  # noqa: PLR0911  one for each kind
        """Return the value in plain types; what it returns for a misfit means nothing.

        Args:
            field: where it stands.
            value: anything at all.
            kind: its declared type, as `msgspec.inspect.type_info` describes it.
        """
        for option in _options(kind):
            match option, value:
                case inspect.NoneType(), None:
                    return None
                case inspect.BoolType(), bool():
                    return value
                case inspect.IntType(), int() if not isinstance(value, bool):
                    return self._number(field, int(value), option)
                case inspect.StrType(), str():
                    return self._text(field, str.__str__(value), option)
                case inspect.LiteralType(values), str() if value in values:
                    return str.__str__(value)
                case inspect.ListType(), list() | tuple():
                    return self._list(field, value, option)
                case inspect.DictType(), Mapping():
                    return self._dict(field, value, option)
                case inspect.StructType(), Mapping():
                    return self._struct(field, value, option)
        self._complain(field, f"expected {_words(kind)}")
        return None

    def _number(self, field: str, number: int, kind: inspect.IntType) -> int:
        least, most = kind.ge, kind.le
        if least is not None and most is not None and not least <= number <= most:
            self._complain(field, f"expected {_words(kind)}")
        else:
            self.problems += text_problems(field, str(number), self._harmless)
        return number

    def _text(self, field: str, text: str, kind: inspect.StrType) -> str:
        if kind.max_length is not None and len(text) > kind.max_length:
            self._complain(field, f"longer than {kind.max_length} characters")
        else:
            self.problems += text_problems(field, text, self._harmless)
        return text

    def _list(
        self, field: str, items: Sequence[object], kind: inspect.ListType
    ) -> list[Any]:
        if kind.max_length is not None and len(items) > kind.max_length:
            self._complain(field, f"more than {kind.max_length} items")
            return []
        return [
            self.fit(f"{field}[{position}]", item, kind.item_type)
            for position, item in enumerate(items)
        ]

    def _dict(
        self, field: str, items: Mapping[Any, object], kind: inspect.DictType
    ) -> dict[str, Any]:
        return {
            str(key): self.fit(_inside(field, key), item, kind.value_type)
            for key, item in items.items()
            if self._is_key(field, key, kind.key_type)
        }

    def _is_key(self, field: str, key: object, kind: inspect.Type) -> bool:
        """Check a key that the producer may choose: Stripe's metadata has such."""
        assert isinstance(kind, inspect.StrType)  # noqa: S101  JSON has no others
        most = kind.max_length or 0
        if not isinstance(key, str) or not 0 < len(key) <= most or {*key} & {*"[]"}:
            expected = f"a key has 1 to {most} characters, none of them [ or ]"
            self._complain(field, expected)
            return False
        problems = text_problems(field, key, self._harmless)
        self.problems += problems
        return not problems

    def _struct(
        self, field: str, items: Mapping[Any, object], kind: inspect.StructType
    ) -> dict[str, Any]:
        types = {one.name: one.type for one in kind.fields}
        for name in items:
            if name not in types:
                known = ", ".join(types)
                place = _inside(field, name, as_one_word=True)
                self._complain(place, f"unknown field; known: {known}")
        return {
            name: self.fit(f"{field}.{name}", items[name], types[name])
            for name in types
            if name in items
        }

    def _complain(self, field: str, message: str) -> None:
        self.problems.append(Problem(field, message))


def _inside(field: str, name: object, *, as_one_word: bool = False) -> str:
    """Name a place inside a field, or the field alone where the name must not stand."""
    named = can_be_named(name, as_one_word=as_one_word)
    return f"{field}.{name}" if named else field


def _options(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _words(kind: inspect.Type) -> str:
    """Say what is expected, in the words of whoever writes JSON."""
    options = [
        option for option in _options(kind) if not isinstance(option, inspect.NoneType)
    ]
    return " or ".join(map(_word, options))


def _word(kind: inspect.Type) -> str:  # noqa: PLR0911  likewise
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.StrType():
            return "a text"
        case inspect.LiteralType(values):
            return " or ".join(repr(value) for value in values)
        case inspect.ListType(item_type):
            return f"a list, each item {_words(item_type)}"
        case inspect.DictType():
            return "an object of texts"
        case _:
            return "an object"
