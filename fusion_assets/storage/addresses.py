"""Local paths and URLs of any kind: reached through fsspec, copied here to be read."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.redaction import public_url
from fusion_assets.storage.disk_space import temporary_files
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX, sweep
from fusion_assets.storage.patience import options_of

if TYPE_CHECKING:
    import fsspec

PACKAGES = {"s3": "fusion-assets[cloud]", "gs": "fusion-assets[cloud]", "gcs": "fusion-assets[cloud]", "az": "adlfs"}

_BROKEN = {
    "ConnectionError", "TimeoutError", "Timeout",
    "ClientConnectionError", "ClientPayloadError",  # aiohttp: http, gs
    "HTTPClientError", "IncompleteRead",  # botocore: s3
    "ServiceRequestError", "ServiceResponseError",  # azure: az
}  # fmt: skip


@contextmanager
def io_errors(action: str, url: str, expected: str, remedy: str) -> Iterator[None]:
    """Turn whatever a file system raises into a FusionError without credentials.

    Args:
        action: what was tried, such as `read`.
        url: with what.
        expected: see `FusionError`.
        remedy: see `FusionError`.

    Raises:
        Unreachable: in place of a connection that broke or timed out.
        FusionError: in place of any other exception of the block.
    """
    try:
        yield
    except FusionError:
        raise
    except Exception as error:
        # Every object store has its own exceptions, and their texts and causes may hold signed addresses: cut both.
        detail = f"{type(error).__name__}: {error}"
        kind = Unreachable if _transient(error) else FusionError
        raise kind(f"cannot {action} {public_url(url)}: {detail}", expected, remedy) from None


def _transient(error: Exception) -> bool:
    """Whether nobody answered or the connection broke; by name, for each store's client has classes of its own."""
    return any(kind.__name__ in _BROKEN for kind in type(error).__mro__)


def file_system(url: str, **login: Any) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of an address, and the path in it.

    Args:
        url: a local path or any fsspec URL.
        login: options of the file system; by default it looks for one itself.

    Raises:
        FusionError: there is none, or its package is not installed.
    """
    import fsspec

    protocol = url.split("://", 1)[0] if "://" in url else "file"
    try:
        with io_errors("open", url, "a directory or a URL fsspec knows (file, memory, gs, s3)", "set FUSION_STORAGE"):
            # Other processes write too: a listing that was true once is never looked up again.
            return fsspec.core.url_to_fs(url, use_listings_cache=False, **options_of(url), **login)
    except FusionError as error:
        package = PACKAGES.get(protocol)
        if package and "ImportError" in error.found:
            raise FusionError(error.found, f"the package {package}", f"pip install '{package}'") from None
        raise


def local_copy(url: str | Path, signed_in: fsspec.AbstractFileSystem | None = None) -> Path:
    """Return a local path with the content of url, downloading it once if it lies elsewhere.

    Copies are kept per user under the temporary directory, named after the object's own fingerprint (so a replaced
    object is fetched anew), and removed a day after their last use.

    Args:
        url: a local path or any fsspec URL.
        signed_in: its file system, where that holds a login; by default one without.

    Returns:
        An absolute local path.

    Raises:
        FusionError: the object is missing or cannot be read.
    """
    from fsspec.implementations.local import LocalFileSystem

    fs, path = (signed_in, signed_in._strip_protocol(str(url))) if signed_in else file_system(str(url))
    if isinstance(fs, LocalFileSystem):
        if not Path(path).exists():
            raise FusionError(f"{path} does not exist", "a file", "make the asset first, or check FUSION_STORAGE")
        return Path(path)
    return downloaded(fs, path)


def downloaded(fs: fsspec.AbstractFileSystem, path: str) -> Path:
    """Return the copy that `local_copy` keeps, of a path in a file system that is not this machine's."""
    url = public_url(fs.unstrip_protocol(path))
    cache = Path(tempfile.gettempdir()) / f"fusion-cache-{os.getuid()}"
    with temporary_files(cache):
        cache.mkdir(mode=0o700, exist_ok=True)
    if cache.stat().st_uid != os.getuid():
        raise FusionError(f"{cache} belongs to another user", "a directory of yours", "set TMPDIR to one")
    sweep(cache, "*")
    with io_errors("read", url, "a readable object", "check the address, the network and your credentials"):
        name = hashlib.sha256(f"{url} {fs.ukey(path)}".encode()).hexdigest()[:32]
        copy = cache / f"{name}{Path(path).suffix}"
        if not copy.exists():
            partial = cache / f"{name}.{uuid.uuid4().hex}{PARTIAL_SUFFIX}"
            try:
                with temporary_files(cache):
                    fs.get_file(path, str(partial))
                    partial.replace(copy)
            finally:
                partial.unlink(missing_ok=True)
        os.utime(copy)
    return copy
