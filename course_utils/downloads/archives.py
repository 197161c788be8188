"""Data sets that come as one archive: unpacked safely, verified, moved into place as a whole."""

from __future__ import annotations

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
    complaint,
    disk_errors_explained,
    one_at_a_time,
    require_space,
    set_aside,
)
from course_utils.downloads.fetching import fetch_file
from course_utils.downloads.network import file_name


@dataclass(frozen=True)
class Archive:
    """A tar archive on the network and the folder that it unpacks to.

    Parameters
    ----------
    name : str
        What readers call it.
    url : str
        Its address; the last part is its name on disk.
    checksum : str or None
        Such as `"md5:c58f..."`; None when unknown.
    folder : str
        The one folder inside it.
    files : mapping of str to str
        Names in that folder that must be there, each with its MD5.
    needed_free : int
        Bytes for the archive and its content together.
    """

    name: str
    url: str
    checksum: str | None
    folder: str
    files: Mapping[str, str]
    needed_free: int

    def root_of(self, folder: Path) -> Path:
        """The folder to hand to torchvision; takes the data's own folder for its parent."""
        folder = folder.expanduser()
        return folder.parent if folder.name == self.folder else folder

    def complaint(self, root: Path) -> str | None:
        """What is wrong with the first wrong file below `root`, or None; reads every byte."""
        for name, md5 in self.files.items():
            path = root / self.folder / name
            if not path.is_file():
                return f"{name} is missing"
            try:
                wrong = complaint(path, f"md5:{md5}")
            except OSError as error:
                wrong = f"it cannot be read ({error.strerror})"
            if wrong is not None:
                return f"{name}: {wrong}"
        return None


def archive_on_disk(root: Path, archive: Archive) -> Path | None:
    """`root`, when the unpacked files are there and right; else None."""
    root = archive.root_of(root)
    return root if archive.complaint(root) is None else None


def fetch_archive(root: Path, archive: Archive, **options: Any) -> Path:
    """Make sure that the unpacked files are below `root`, whole and verified.

    The archive itself stays beside them: a folder with it can serve as COURSE_MIRROR for others.

    Parameters
    ----------
    root : Path
        The folder to hold `archive.folder`.
    archive : Archive
        What to fetch.
    **options
        Passed to `fetch_file`, such as `progress` and `retries`.

    Returns
    -------
    Path
        The folder for torchvision to load from.

    Raises
    ------
    DownloadError
        With cause and next step. What was there before is untouched (or renamed, and named).
    """
    root = archive.root_of(root)
    if archive.complaint(root) is None:
        return root
    target = root / archive.folder
    with disk_errors_explained(target):
        root.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(target):
            wrong = archive.complaint(root)
            if wrong is None:  # the process we waited for has done it
                return root
            packed = root / file_name(archive.url)
            if not packed.exists():
                require_space(root, archive.needed_free, archive.name)
            fetch_file(archive.url, packed, checksum=archive.checksum, **options)
            draft = Path(tempfile.mkdtemp(prefix=f".{archive.folder}-", dir=root))
            try:
                _unpack(packed, draft, archive)
                if unpacked := archive.complaint(draft):
                    raise _useless(packed, unpacked)
                if target.exists():
                    set_aside(target, wrong)
                (draft / archive.folder).replace(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return root


def _unpack(packed: Path, draft: Path, archive: Archive) -> None:
    """Unpack into the empty folder `draft`: plain files and folders below it, nothing else."""
    try:
        with tarfile.open(packed) as tar:
            members = tar.getmembers()
            for member in members:
                path = PurePosixPath(member.name)
                inside = path.parts[:1] == (archive.folder,) and ".." not in path.parts
                if not (inside and "\\" not in member.name and (member.isfile() or member.isdir())):
                    raise _useless(
                        packed, f"it holds {member.name!r}, which has no place in {archive.name}"
                    )
            require_space(draft, sum(member.size for member in members), archive.name)
            # Python 3.11.0 to 3.11.3 know no filters; the check above stands alone there
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(draft, members)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _useless(packed, str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno is None:  # not the disk: gzip reports damaged data by an OSError, too
            raise _useless(packed, str(error)) from error
        raise


def _useless(packed: Path, reason: str) -> DownloadError:
    """Remove an archive that cannot be unpacked, so that no later call trusts it."""
    packed.unlink(missing_ok=True)
    return DownloadError(
        f"{packed.name} cannot be used: {reason}. It was deleted, and nothing was unpacked.",
        "Run this again to fetch it anew. If it happens again, the source is at fault: set "
        "COURSE_MIRROR to another copy.",
    )
