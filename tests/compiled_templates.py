"""Templates compiled once for all tests: every test makes a portal of its own."""

from __future__ import annotations

from types import CodeType

from jinja2.bccache import Bucket, BytecodeCache
from quart import Quart


class Compiled(BytecodeCache):
    """What has been compiled in this process, by name and text."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.code


def compile_once() -> None:
    """Have every application that is made from now on share what is compiled."""
    Quart.jinja_options = {**Quart.jinja_options, "bytecode_cache": Compiled()}
