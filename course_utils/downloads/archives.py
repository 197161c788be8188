"""Data sets that come as one archive: unpacked safely, verified, moved into place as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from course_utils.downloads.disk import (
    DownloadError,
    Expected,
    disk_errors_explained,
    one_at_a_time,
    require_space,
    set_aside,
)
from course_utils.downloads.fetching import fetch_file


@dataclass(frozen=True)
class Archive:
    """A tar archive on the network and the folder that it unpacks to.

    Parameters
    ----------
    name
        What readers call it.
    urls
        Addresses of the archive, tried in order.
    filename
        Its name on disk.
    md5
        Its MD5, or None when unknown.
    folder
        The one folder inside it.
    files
        Names in that folder that must be there, each with its MD5.
    needed_free
        Bytes for the archive and its content together.
    """

    name: str
    urls: tuple[str, ...]
    filename: str
    md5: str | None
    folder: str
    files: Mapping[str, str]
    needed_free: int

    def root_of(self, folder: Path) -> Path:
        """The folder to hand to torchvision; takes the data's own folder for its parent."""
        folder = folder.expanduser()
        return folder.parent if folder.name == self.folder else folder

    def stamp(self, root: Path) -> Path:
        """The small file that remembers which files were found right."""
        return root / f".{self.folder}.verified.json"


def archive_on_disk(root: Path, archive: Archive) -> Path | None:
    """`root`, when the unpacked files are there and right; else None.

    The first call reads every byte (CIFAR-10: half a second). It leaves a stamp with the files'
    sizes and times, and later calls compare only those.
    """
    root = archive.root_of(root)
    seen = _look(root / archive.folder, archive)
    if seen is None:
        return None
    stamp = archive.stamp(root)
    with contextlib.suppress(OSError, ValueError):
        if json.loads(stamp.read_text(encoding="utf-8")) == seen:
            return root
    if _complaint(root / archive.folder, archive) is not None:
        return None
    # Two processes may write the same stamp; and a read-only folder can do without one.
    with contextlib.suppress(OSError):
        draft = stamp.with_name(f"{stamp.name}.{os.getpid()}")
        draft.write_text(json.dumps(seen), encoding="utf-8")
        draft.replace(stamp)
    return root


def fetch_archive(root: Path, archive: Archive, *, progress: bool = True, **options: Any) -> Path:
    """Make sure that the unpacked files are below `root`, whole and verified; return `root`.

    The archive itself stays beside them: a folder with it can serve as COURSE_MIRROR for others.

    Parameters
    ----------
    root
        The folder to hold `archive.folder`.
    archive
        What to fetch.
    progress
        Show a bar.
    options
        Passed to `fetch_file`, such as `timeout` and `retries`.

    Raises
    ------
    DownloadError
        With cause and next step. What was there before is untouched (or renamed, and named).
    """
    root = archive.root_of(root)
    if archive_on_disk(root, archive) is not None:
        return root
    target = root / archive.folder
    with disk_errors_explained(target):
        root.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(target):
            if archive_on_disk(root, archive) is not None:
                return root
            packed = fetch_file(
                archive.urls,
                root / archive.filename,
                md5=archive.md5,
                needed_free=archive.needed_free,
                progress=progress,
                **options,
            )
            draft = Path(tempfile.mkdtemp(prefix=f".{archive.folder}-", dir=root))
            try:
                _unpack(packed, draft, archive)
                complaint = _complaint(draft / archive.folder, archive)
                if complaint is not None:
                    raise _useless(packed, complaint)
                if target.exists():
                    set_aside(target, _complaint(target, archive) or "incomplete")
                (draft / archive.folder).replace(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            archive_on_disk(root, archive)  # leaves the stamp
    return root


def _look(folder: Path, archive: Archive) -> dict[str, list[Any]] | None:
    """Per file: size in bytes, time of change in ns, wanted MD5; None when one is missing."""
    seen: dict[str, list[Any]] = {}
    for name, md5 in archive.files.items():
        try:
            status = (folder / name).stat()
        except OSError:
            return None
        seen[name] = [status.st_size, status.st_mtime_ns, md5]
    return seen


def _complaint(folder: Path, archive: Archive) -> str | None:
    """What is wrong with the first wrong file, or None."""
    for name, md5 in archive.files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        try:
            complaint = Expected(md5=md5).complaint(path)
        except OSError as error:
            complaint = f"it cannot be read ({error.strerror})"
        if complaint is not None:
            return f"{name}: {complaint}"
    return None


def _unpack(packed: Path, draft: Path, archive: Archive) -> None:
    """Unpack into the empty folder `draft`: plain files and folders below it, nothing else."""
    try:
        with tarfile.open(packed) as tar:
            members = tar.getmembers()
            for member in members:
                _refuse_unless_harmless(member, packed, archive)
            require_space(draft, sum(member.size for member in members), archive.name)
            if hasattr(tarfile, "data_filter"):
                tar.extractall(draft, members, filter="data")
            else:  # Python 3.11.0 to 3.11.3 know no filters; the check above stands alone
                tar.extractall(draft, members)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _useless(packed, str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno is None:  # not the disk: gzip reports damaged data by an OSError, too
            raise _useless(packed, str(error)) from error
        raise


def _refuse_unless_harmless(member: tarfile.TarInfo, packed: Path, archive: Archive) -> None:
    """Raise DownloadError for a link, a device, or a path that leaves the archive's folder."""
    path = PurePosixPath(member.name)
    inside = path.parts[:1] == (archive.folder,) and ".." not in path.parts
    if not (inside and "\\" not in member.name and (member.isfile() or member.isdir())):
        raise _useless(packed, f"it holds {member.name!r}, which has no place in {archive.name}")


def _useless(packed: Path, reason: str) -> DownloadError:
    """Remove an archive that cannot be unpacked, so that no later call trusts it."""
    packed.unlink(missing_ok=True)
    return DownloadError(
        f"{packed.name} cannot be used: {reason}. It was deleted, and nothing was unpacked.",
        "Run this again to fetch it anew. If it happens again, the source is at fault: set "
        "COURSE_MIRROR to another copy.",
    )
