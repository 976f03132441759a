"""Upgrades of the schema: the function under number n brings a store of version n - 1 to version n."""

from collections.abc import Callable

from sqlalchemy import Connection

UPGRADES: dict[int, Callable[[Connection], None]] = {}
