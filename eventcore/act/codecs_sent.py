"""The codecs of a program on their way to its workers, which need not import what registered them."""

import pickle
from typing import NamedTuple

from eventcore.define.codecs import Codec, Offer, class_name, offer, registered


class SentCodec(NamedTuple):
    """A codec in a form that a worker can load when it needs it, and not before."""

    name: str
    cls: str  #: see `class_name`
    body: bytes


_packed: dict[str, tuple[Codec, SentCodec | None]] = {}


def codecs_to_send() -> tuple[SentCodec, ...]:
    """What users have registered in this process, but for what cannot be sent: its values fail where they are used."""
    return tuple(sent for codec in list(registered().values()) if (sent := _sent(codec)) is not None)


def take_codecs(sent: tuple[SentCodec, ...]) -> None:
    """Have the codecs at hand in this process."""
    if sent:
        offer(Offer(*codec, _load) for codec in sent)


def _load(body: bytes) -> Codec:
    """The codec; raises whatever importing what it uses raises."""
    codec: Codec = pickle.loads(body)  # noqa: S301  the engine of this worker sent it
    return codec


def _sent(codec: Codec) -> SentCodec | None:
    known = _packed.get(codec.name)
    if known is None or known[0] is not codec:
        import cloudpickle

        try:
            sent = SentCodec(codec.name, class_name(codec.cls), cloudpickle.dumps(codec))
        except Exception:  # whatever an object in its closure raises
            sent = None
        known = _packed[codec.name] = codec, sent
    return known[1]
