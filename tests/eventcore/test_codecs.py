"""Codecs of users: objects of their own classes come back as they were, or say what is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import eventcore as evr
from eventcore.define import codecs
from eventcore.define.codecs import NotStorableError
from eventcore.define.values import decode, encode, encode_result, files_in
from eventcore.errors import ProgramError, StoreError


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is its own."""
    for registry in ("_by_class", "_by_name", "_offers", "_loaded"):
        monkeypatch.setattr(codecs, registry, {})


anyhow: Any = evr.register_codec  #: with what no type checker would let pass


class Money:
    """A class of a user."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __repr__(self) -> str:
        return f"Money({self.cents})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return hash(self.cents)


class Image:
    """A class with large bytes, whose objects do not tell what they are."""

    def __init__(self, data: bytes) -> None:
        self.data = data


@dataclass
class Box:
    """A dataclass, which needs no codec."""

    content: Any


class Sub(Money):
    """Not exactly the class with the codec."""


def register_money() -> None:
    evr.register_codec(Money, name="money", encode=lambda money: money.cents, decode=Money)


def register_image() -> None:
    evr.register_codec(Image, name="image", encode=lambda image: image.data, decode=Image, suffix=".png")


def test_an_object_of_a_registered_class_comes_back_wherever_it_stands() -> None:
    register_money()
    value = {"all": [Money(1), (Money(2),)], Money(3): {Money(4)}, "box": Box(Money(5))}
    assert decode(encode(value)) == value


def test_what_a_codec_makes_may_have_codecs_itself() -> None:
    register_money()
    anyhow(Image, name="image", encode=lambda image: [Money(3), image.data], decode=lambda v: v)
    assert decode(encode(Image(b"x"))) == [Money(3), b"x"]


def test_a_dataclass_with_a_codec_is_written_by_it() -> None:
    evr.register_codec(Box, name="box", encode=lambda box: None, decode=lambda _: Box("from the codec"))
    assert decode(encode(Box(object()))) == Box("from the codec")


def test_a_class_may_change_its_codec_and_still_be_read() -> None:
    register_money()
    old = encode(Money(150))
    evr.register_codec(Money, name="money-2", encode=lambda m: m.cents / 100, decode=lambda v: Money(round(v * 100)))
    new = encode(Money(150))
    assert json.loads(old)["v"][0] == "money"
    assert json.loads(new)["v"][0] == "money-2"
    assert decode(old) == decode(new) == Money(150)


def test_objects_of_a_subclass_are_not_taken_for_those_of_the_class() -> None:
    register_money()
    with pytest.raises(NotStorableError, match=r"Sub, which has no codec; return something else, or register a codec"):
        encode([Sub(1)])


def test_large_bytes_of_a_codec_are_a_file_and_small_ones_are_not() -> None:
    register_image()
    text, files = encode_result([Image(b"x" * 10), Image(b"y" * 11), Image(b"y" * 11), b"z" * 11], True, 10)
    assert list(files.values()) == [b"y" * 11]
    assert files_in(text) == list(files) * 2
    assert [name.endswith(".png") for name in files] == [True]
    assert [getattr(part, "data", part) for part in decode(text, files)] == [b"x" * 10, b"y" * 11, b"y" * 11, b"z" * 11]


def test_small_bytes_are_files_where_many_of_them_would_make_a_large_text() -> None:
    register_image()
    images = [Image(bytes([number]) * 10) for number in range(10)]
    text, files = encode_result(images, True, 35)
    assert len(files) == 7
    assert [image.data for image in decode(text, files)] == [image.data for image in images]


def test_a_file_may_be_read_where_it_is(tmp_path: Path) -> None:
    register_image()
    text, files = encode_result(Image(b"x" * 11), True, 10)
    [name] = files
    place = tmp_path / name
    place.write_bytes(files[name])
    assert decode(text, {name: place}).data == b"x" * 11
    place.write_bytes(b"y" * 11)
    with pytest.raises(StoreError, match=rf"its file {place} is damaged; restore the file, or rerun"):
        decode(text, {name: place})
    place.unlink()
    with pytest.raises(StoreError, match=rf"its file {place} cannot be read: No such file or directory; restore"):
        decode(text, {name: place})


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 32, 7, None])
def test_a_file_that_no_codec_can_have_named_is_not_looked_for(name: object) -> None:
    with pytest.raises(ValueError, match="not a stored value"):
        files_in(json.dumps({"$": "file", "v": [name, 1]}, separators=(",", ":")))


def test_a_codec_that_is_not_registered_is_an_error_or_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    register_money()
    text = encode({"a": Money(5), "b": 1})
    monkeypatch.setattr(codecs, "_by_name", {})
    with pytest.raises(ValueError, match="codec 'money' is not registered here; import the module that registers it"):
        decode(text)
    found = decode(text, keep_unknown=True)
    assert found == {"a": evr.UnknownValue("money", "Money(5)", 5), "b": 1}
    assert repr(found["a"]) == "<Money(5): codec 'money' is not registered here>"


def test_the_text_that_is_stored_with_a_value_is_short_and_names_no_address() -> None:
    register_money()
    register_image()
    evr.register_codec(Sub, name="sub", encode=lambda m: m.cents, decode=Sub)
    assert json.loads(encode(Image(b"")))["v"][1] == "<Image>"
    text = json.loads(encode(Money(10**200)))["v"][1]
    assert (len(text), text[:9], text[-3:]) == (100, "Money(100", "...")


def fails(_: object) -> Any:
    raise OSError("no such currency")


def test_a_codec_that_fails_is_named() -> None:
    evr.register_codec(Money, name="money", encode=fails, decode=Money)
    with pytest.raises(NotStorableError, match=r"the value\[0\] cannot be written by codec 'money': OSError: no such"):
        encode([Money(1)])
    evr.register_codec(Money, name="money", encode=lambda m: m.cents, decode=fails)
    with pytest.raises(ValueError, match="codec 'money' cannot read what it wrote: OSError: no such currency"):
        decode(encode(Money(1)))


def test_a_codec_that_makes_what_cannot_be_stored_is_named() -> None:
    anyhow(Money, name="money", encode=lambda m: [m.cents, print], decode=Money)
    with pytest.raises(NotStorableError, match=r"what codec 'money' made of the value\[1\] is of type builtins"):
        encode(Money(1))


@pytest.mark.parametrize("name", ["", "a b", "1st", "numpy.ndarray", "pandas.mine", "pandas", "a" * 101, None, "a/b"])
def test_odd_and_reserved_names_are_refused(name: Any) -> None:
    with pytest.raises(ProgramError, match="invalid codec name"):
        anyhow(Money, name=name, encode=str, decode=Money)


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda: anyhow(dict, name="d", encode=str, decode=dict), "class dict of module builtins cannot"),
        (lambda: anyhow("Money", name="m", encode=str, decode=str), "'Money' is not a class"),
        (lambda: anyhow(Money, name="m", encode=str, decode=Money, suffix="../x"), "invalid suffix"),
        (lambda: anyhow(Image, name="money", encode=str, decode=Image), "class tests.*Money has this name"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_refused(register: Callable[[], None], message: str) -> None:
    register_money()
    with pytest.raises(ProgramError, match=message):
        register()


def test_a_class_that_is_made_anew_takes_over_its_codec() -> None:
    """As in a notebook whose cell is run again."""
    register_money()
    made = type("Money", (Money,), {"__qualname__": Money.__qualname__})
    evr.register_codec(made, name="money", encode=lambda m: m.cents, decode=made)
    assert type(decode(encode(made(1)))) is made


class Coin(Money):
    """As the class of the same name in another program."""


def test_a_codec_that_is_offered_is_loaded_when_it_is_needed_and_replaced_by_the_next_programs() -> None:
    loaded: list[bytes] = []

    def load(body: bytes) -> codecs.Codec:
        loaded.append(body)
        cls = Money if body == b"first" else Coin
        return codecs.Codec(cls, "money", lambda m: m.cents, cls)

    text = '{"$":"codec","v":["money","Money(5)",5]}'
    for _ in range(2):
        codecs.offer([codecs.Offer("money", codecs.class_name(Money), b"first", load)])
        assert not loaded or loaded == [b"first"]
        assert (encode(Money(5)), type(decode(text))) == (text, Money)
    codecs.offer([codecs.Offer("money", codecs.class_name(Coin), b"second", load)])
    assert type(decode(text)) is Coin
    assert loaded == [b"first", b"second"]
    with pytest.raises(NotStorableError, match="has no codec"):
        encode(Money(5))


def test_a_codec_that_cannot_be_loaded_says_why() -> None:
    def load(body: bytes) -> codecs.Codec:
        raise ModuleNotFoundError("No module named 'currencies'")

    codecs.offer([codecs.Offer("money", codecs.class_name(Money), b"", load)])
    message = "codec 'money' cannot be loaded in this process: ModuleNotFoundError: No module named 'currencies'"
    with pytest.raises(ValueError, match=message):
        decode('{"$":"codec","v":["money","Money(5)",5]}')
    with pytest.raises(NotStorableError, match=message):
        encode(Money(5))


@pytest.mark.parametrize(("modules", "is_refused"), [
    ({"bank": "/bank.py", "shop": "/shop.py"}, True), ({"bank": "/bank.py", "the.bank": "/bank.py"}, False),
    ({"bank": "/bank.py", "__main__": "/worker.py"}, False), ({"bank": "/bank.py", "nowhere": None}, False),
])  # fmt: skip
def test_classes_of_two_modules_cannot_have_one_name(
    modules: dict[str, str | None], is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes: list[Any] = []
    for name, file in modules.items():
        module = ModuleType(name)
        vars(module)["__file__"] = file
        monkeypatch.setitem(sys.modules, name, module)
        classes.append(type("Money", (), {"__module__": name}))
    anyhow(classes[0], name="money", encode=str, decode=classes[0])
    with pytest.raises(ProgramError, match="class bank:Money has this name") if is_refused else nullcontext():
        anyhow(classes[1], name="money", encode=str, decode=classes[1])
