"""Fitting what a producer gave to declared types, and saying all that does not fit.

msgspec's own conversion stops at the first misfit, and quotes values. This one walks
the same declarations, names every place, and quotes nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from msgspec import inspect

from customer_sources.contract.errors import Problem
from customer_sources.contract.texts import can_be_named, text_problems

_Take: TypeAlias = Callable[["Fitter", str, Any, "Kind"], Any]


class Kind:
    """A declared type, taken apart once, so that no value waits for it.

    Args:
        declared: as `msgspec.inspect.type_info` describes it.

    Attributes:
        words: what is expected, in the words of whoever writes JSON.
        options: the types of a union, in the order in which they are tried.
        bounds: the least and the most of a number; None where there is none.
        longest: characters of a text, items of a list; None where nothing bounds them.
        item: what a list or an object of texts holds.
        longest_key: characters of a key of an object of texts.
        fields: what an object with declared fields holds.
        at_once: for a value of exactly this Python type, the option that takes it, and
            how; only where that is so whatever the value is.
    """

    __slots__ = (
        "at_once",
        "bounds",
        "declared",
        "fields",
        "item",
        "longest",
        "longest_key",
        "options",
        "words",
    )

    def __init__(self, declared: inspect.Type) -> None:
        self.declared = declared
        self.words = _words(declared)
        self.options: tuple[Kind, ...] = (self,)
        self.bounds = getattr(declared, "ge", None), getattr(declared, "le", None)
        self.longest: int | None = getattr(declared, "max_length", None)
        self.item: Kind = self
        self.longest_key = 0
        self.fields: dict[str, Kind] = {}
        match declared:
            case inspect.UnionType(types):
                self.options = tuple(map(Kind, types))
            case inspect.ListType(item_type=item):
                self.item = Kind(item)
            case inspect.DictType(key_type=inspect.StrType() as key, value_type=item):
                self.item = Kind(item)
                self.longest_key = key.max_length or 0
            case inspect.StructType(fields=fields):
                self.fields = {one.name: Kind(one.type) for one in fields}
        self.at_once = _at_once(self.options)


class Fitter:
    """Fits values, and collects the problems of those that do not fit.

    Args:
        harmless: fields whose values may look like card numbers and are none.
    """

    def __init__(self, harmless: Collection[str] = ()) -> None:
        self.problems: list[Problem] = []
        self._harmless = harmless

    def fit(self, field: str, value: object, kind: Kind) -> Any:
        """Return the value in plain types; what it returns for a misfit means nothing.

        Args:
            field: where it stands.
            value: anything at all.
            kind: its declared type.
        """
        taken = kind.at_once.get(type(value))
        if taken is None:
            return self._fit_by_trying(field, value, kind)
        take, option = taken
        return take(self, field, value, option)

    def _fit_by_trying(self, field: str, value: object, kind: Kind) -> Any:  # noqa: PLR0911  one for each kind
        for option in kind.options:
            match option.declared, value:
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
        self._complain(field, f"expected {kind.words}")
        return None

    def _plain(self, _field: str, value: object, _kind: Kind) -> object:
        return value

    def _number(self, field: str, number: int, kind: Kind) -> int:
        least, most = kind.bounds
        if least is not None and most is not None and not least <= number <= most:
            self._complain(field, f"expected {kind.words}")
        else:
            self.problems += text_problems(field, str(number), self._harmless)
        return number

    def _text(self, field: str, text: str, kind: Kind) -> str:
        if kind.longest is not None and len(text) > kind.longest:
            self._complain(field, f"longer than {kind.longest} characters")
        else:
            self.problems += text_problems(field, text, self._harmless)
        return text

    def _list(self, field: str, items: Sequence[object], kind: Kind) -> list[Any]:
        if kind.longest is not None and len(items) > kind.longest:
            self._complain(field, f"more than {kind.longest} items")
            return []
        return [
            self.fit(f"{field}[{position}]", item, kind.item)
            for position, item in enumerate(items)
        ]

    def _dict(
        self, field: str, items: Mapping[Any, object], kind: Kind
    ) -> dict[str, Any]:
        return {
            str(key): self.fit(_inside(field, key), item, kind.item)
            for key, item in items.items()
            if self._is_key(field, key, kind.longest_key)
        }

    def _is_key(self, field: str, key: object, most: int) -> bool:
        """Check a key that the producer may choose: Stripe's metadata has such."""
        is_short = isinstance(key, str) and 0 < len(key) <= most
        if not isinstance(key, str) or not is_short or "[" in key or "]" in key:
            expected = f"a key has 1 to {most} characters, none of them [ or ]"
            self._complain(field, expected)
            return False
        problems = text_problems(field, key, self._harmless)
        self.problems += problems
        return not problems

    def _struct(
        self, field: str, items: Mapping[Any, object], kind: Kind
    ) -> dict[str, Any]:
        kinds = kind.fields
        for name in items:
            if name not in kinds:
                place = _inside(field, name, as_one_word=True)
                known = ", ".join(kinds)
                self._complain(place, f"unknown field; known: {known}")
        return {
            name: self.fit(f"{field}.{name}", items[name], kinds[name])
            for name in kinds
            if name in items
        }

    def _complain(self, field: str, message: str) -> None:
        self.problems.append(Problem(field, message))

    takes: ClassVar[Mapping[type[inspect.Type], Mapping[type, _Take]]] = {
        inspect.BoolType: {bool: _plain},
        inspect.IntType: {int: _number},
        inspect.StrType: {str: _text},
        inspect.ListType: {list: _list, tuple: _list},
        inspect.DictType: {dict: _dict},
        inspect.StructType: {dict: _struct},
    }
    """What takes values of exactly this Python type, whatever they are."""


def _at_once(options: Sequence[Kind]) -> dict[type, tuple[_Take, Kind]]:
    """Find who takes a value without trying.

    At most one does: msgspec allows no union of two kinds of texts, or of objects.
    `True` is no number and a subclass is no exact type, so they are not taken for one.
    """
    return {
        python_type: (take, option)
        for option in options
        for python_type, take in Fitter.takes.get(type(option.declared), {}).items()
    }


def _inside(field: str, name: object, *, as_one_word: bool = False) -> str:
    """Name a place inside a field, or the field alone where the name must not stand."""
    named = can_be_named(name, as_one_word=as_one_word)
    return f"{field}.{name}" if named else field


def _words(kind: inspect.Type) -> str:
    """Say what is expected, in the words of whoever writes JSON."""
    options = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    said = [option for option in options if not isinstance(option, inspect.NoneType)]
    return " or ".join(map(_word, said))


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
