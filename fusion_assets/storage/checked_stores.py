"""Zarr stores whose files are noted as they are written, and compared with the notes as they are read.

Zarr takes a file that is not there for one full of no data, and its compression does not notice every damage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from zarr.storage import FsspecStore, LocalStore, WrapperStore

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.storage.root import Storage

if TYPE_CHECKING:
    from zarr.abc.buffer import Buffer
    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import BufferPrototype

_METADATA = (".zmetadata", ".zgroup", ".zattrs", ".zarray")
_DIGITS = 16


class CheckedStore(WrapperStore["Store"]):
    """A store that knows digests of its files.

    Args:
        store: that is wrapped.
        shown: where it lies, for messages.
        expected: digests by name; files without one are not compared.
        remedy: what to do about files that differ.
    """

    def __init__(self, store: Store, shown: str, expected: Mapping[str, str] | None = None, remedy: str = "") -> None:
        super().__init__(store)
        self.shown, self.remedy = shown, remedy
        self.expected = dict(expected or {})
        self.written: dict[str, str] = {}

    def _with_store(self, store: Store) -> CheckedStore:
        return CheckedStore(store, self.shown, self.expected, self.remedy)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The file, compared where it is read as a whole.

        Raises:
            Replaced: it is not there; a run beside this one has replaced the store.
            FusionError: it is another one.
        """
        value = await self._store.get(key, prototype, byte_range)
        if byte_range is None and key in self.expected:
            if value is None:
                raise Replaced(f"{self.shown}/{key} is not there any more", "the file as it was written", self.remedy)
            found = digest_of(value.to_bytes())
            if found != self.expected[key]:
                raise FusionError(
                    f"{self.shown}/{key} was changed after it was written: sha256 {found}",
                    f"sha256 {self.expected[key]}",
                    self.remedy,
                )
        return value

    async def set(self, key: str, value: Buffer) -> None:
        """Write the file, and note its digest; descriptions are noted when they are final."""
        await self._store.set(key, value)
        if not is_description(key):
            self.written[key] = digest_of(value.to_bytes())


def is_description(key: str) -> bool:
    """Whether a file describes others, and is written again as they come."""
    return key.rsplit("/", 1)[-1] in _METADATA


def digest_of(content: bytes) -> str:
    """The first 16 hexadecimal digits of the sha256."""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def checked_store(
    storage: Storage, place: str, expected: Mapping[str, str] | None = None, remedy: str = ""
) -> CheckedStore:
    """The store in a directory of a storage; see `CheckedStore`."""
    target = storage.directory(place)
    store = LocalStore(target) if isinstance(target, str) else FsspecStore.from_mapper(target)  # type: ignore[arg-type]
    return CheckedStore(store, place, expected, remedy)
