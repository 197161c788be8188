"""CIFAR-10 and pretrained weights from a local server, in the official layout, small."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import pickle
import shutil
import tarfile
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from course_utils.downloads import archives, cifar10, disk, fetching, torchvision_weights
from course_utils.downloads.archives import Archive
from course_utils.downloads.cifar10 import CIFAR10
from course_utils.downloads.disk import DownloadError
from tests.http_server import Answer, Server

import numpy as np
import pytest
import torch
import torchvision

FOLDER, PACKED = "cifar-10-batches-py", "cifar-10-python.tar.gz"
IMAGES = 4  # per batch
WEIGHTS = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1


def cifar10_files() -> dict[str, bytes]:
    """CIFAR-10's files with few images: rows of 3072 uint8, labels, class names."""
    random = np.random.default_rng(0)
    files = {}
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        batch = {
            "batch_label": name,
            "labels": random.integers(0, 10, IMAGES).tolist(),
            "data": random.integers(0, 256, (IMAGES, 3072), dtype=np.uint8),
            "filenames": [f"{name}_{index}.png" for index in range(IMAGES)],
        }
        files[name] = pickle.dumps(batch, protocol=2)
    names = [f"class {label}" for label in range(10)]
    files["batches.meta"] = pickle.dumps({"label_names": names, "num_vis": 3072}, protocol=2)
    files["readme.html"] = b"<p>read me</p>"
    return files


FILES = cifar10_files()
MD5S = {name: hashlib.md5(FILES[name]).hexdigest() for name in CIFAR10.files}


def packed(files: dict[str, bytes], extra: tarfile.TarInfo | None = None) -> bytes:
    """The files as a gzipped tar archive, with one more (empty) member on request."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        if extra is not None:
            tar.addfile(extra)
    return buffer.getvalue()


CONTENT = packed(FILES)


def archive_at(server: Server, content: bytes = CONTENT, *planned: Answer, **more: Any) -> Archive:
    """The archive on the server, with the right MD5."""
    url = server.add(PACKED, content, *planned, **more)
    md5 = hashlib.md5(content).hexdigest()
    return replace(CIFAR10, url=url, checksum=f"md5:{md5}", files=MD5S, needed_free=0)


class SmallCIFAR10(torchvision.datasets.CIFAR10):
    """torchvision's own reader, told the small files' checksums."""

    train_list: ClassVar = [
        [f"data_batch_{number}", MD5S[f"data_batch_{number}"]] for number in range(1, 6)
    ]
    test_list: ClassVar = [["test_batch", MD5S["test_batch"]]]
    meta: ClassVar = {**torchvision.datasets.CIFAR10.meta, "md5": MD5S["batches.meta"]}


@pytest.fixture(autouse=True)
def _plain_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("COURSE_MIRROR", "COURSE_OFFLINE", "COURSE_CACHE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(fetching, "BACKOFF", 0.01)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file of the reader's, which no failure may touch."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "bystander").write_bytes(b"precious")
    return folder


def left(root: Path) -> set[str]:
    """Names in the folder without the bystander (checked) and lock files."""
    assert (root / "bystander").read_bytes() == b"precious"
    names = {path.name for path in root.iterdir()} - {"bystander"}
    return {name for name in names if not name.endswith(".lock")}


def refused(root: Path, archive: Archive, *words: str, **options: Any) -> str:
    """Fetch, expect an error with all `words` and a next step, and no data set; its text."""
    with pytest.raises(DownloadError) as caught:
        cifar10.fetch(root, archive=archive, **{"progress": False, "retries": 1, **options})
    text = str(caught.value)
    for word in (*words, "What to do:"):
        assert word in text
    assert cifar10.on_disk(root, archive) is None
    assert not (root / FOLDER).exists()
    return text


def test_the_real_archive_is_described_by_torchvision() -> None:
    assert CIFAR10.folder == FOLDER
    assert CIFAR10.url.endswith(PACKED)
    assert len(CIFAR10.files) == 7
    assert all(len(md5) == 32 for md5 in CIFAR10.files.values())
    assert len(CIFAR10.checksum or "") == len("md5:") + 32


def test_torchvision_loads_what_was_fetched(server: Server, root: Path) -> None:
    archive = archive_at(server)
    assert cifar10.on_disk(root, archive) is None
    assert cifar10.fetch(root, archive=archive, progress=False) == root
    train, test = SmallCIFAR10(root, train=True), SmallCIFAR10(root, train=False)
    assert (len(train), len(test)) == (5 * IMAGES, IMAGES)
    first = pickle.loads(FILES["data_batch_1"])
    np.testing.assert_array_equal(
        np.asarray(train[1][0]), first["data"][1].reshape(3, 32, 32).transpose(1, 2, 0)
    )
    assert train[1][1] == first["labels"][1]
    assert train.classes[9] == "class 9"
    assert left(root) == {FOLDER, PACKED}


def test_second_call_makes_no_request(server: Server, root: Path) -> None:
    archive = archive_at(server)
    for folder in (root, root / FOLDER):  # the data's own folder will do, too
        assert cifar10.fetch(folder, archive=archive, progress=False) == root
        assert cifar10.on_disk(folder, archive) == root
    assert len(server.requests) == 1


def test_extracted_by_hand_is_found(root: Path) -> None:
    (root / FOLDER).mkdir()
    for name, content in FILES.items():
        (root / FOLDER / name).write_bytes(content)
    archive = replace(CIFAR10, files=MD5S)
    assert cifar10.on_disk(root, archive) == root
    assert cifar10.on_disk(root) is None  # right names, yet not the real CIFAR-10


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_damaged_files_are_noticed_kept_and_replaced(
    server: Server, root: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = archive_at(server)
    cifar10.fetch(root, archive=archive, progress=False)
    batch = root / FOLDER / "data_batch_3"
    if damage == "truncated":
        batch.write_bytes(FILES["data_batch_3"][:100])
    elif damage == "altered":
        batch.write_bytes(bytes(len(FILES["data_batch_3"])))
    else:
        batch.unlink()
    assert cifar10.on_disk(root, archive) is None
    cifar10.fetch(root, archive=archive, progress=False)
    assert cifar10.on_disk(root, archive) == root
    assert batch.read_bytes() == FILES["data_batch_3"]
    assert left(root) == {FOLDER, f"{FOLDER}.bad", PACKED}
    assert "data_batch_3" in capsys.readouterr().out
    assert len(server.requests) == 1  # unpacked again from the archive that is still here


def test_cut_in_the_middle_is_resumed(server: Server, root: Path) -> None:
    archive = archive_at(server, CONTENT, Answer(cut_after=30_000))
    cifar10.fetch(root, archive=archive, progress=False)
    assert cifar10.on_disk(root, archive) == root
    assert [request.start for request in server.requests] == [None, 30_000]


def test_slow_server(server: Server, root: Path) -> None:
    archive = archive_at(server, CONTENT, Answer(dribble=5_000, pause=0.02))
    cifar10.fetch(root, archive=archive, progress=False)
    assert cifar10.on_disk(root, archive) == root


@pytest.mark.parametrize(
    ("always", "words", "options"),
    [
        (Answer(stall_after=9_000), ["no data for 0.3 s"], {"timeout": 0.3, "retries": 0}),
        (Answer(silent=True), ["no answer within 0.3 s"], {"timeout": 0.3, "retries": 0}),
        (Answer(cut_after=9_000, ranges=False), ["cut after 9000 bytes"], {}),
        (Answer(status=404), ["answered 404"], {}),
        (Answer(status=500), ["answered 500"], {}),
        (Answer(body=CONTENT[:-1] + b"?"), ["its md5 is", "deleted"], {}),
        (Answer(body=b"<html>sign in</html>"), ["web page"], {}),
    ],
    ids=["stalled", "silent", "cut", "404", "500", "altered", "web page"],
)
def test_network_failures(
    server: Server, root: Path, always: Answer, words: list[str], options: dict[str, Any]
) -> None:
    archive = archive_at(server, CONTENT, always=always)
    refused(root, archive, archive.url, "COURSE_MIRROR", *words, **options)
    assert left(root) <= {f"{PACKED}.part"}
    server.files[f"/{PACKED}"].always = Answer()  # the network recovers: the next call succeeds
    cifar10.fetch(root, archive=archive, progress=False)
    assert cifar10.on_disk(root, archive) == root


def test_truncated_archive_is_not_trusted(server: Server, root: Path) -> None:
    archive = replace(archive_at(server, CONTENT[: len(CONTENT) // 2]), checksum=None)
    refused(root, archive, PACKED, "cannot be used", "Run this again")
    assert left(root) == set()


def test_not_an_archive(server: Server, root: Path) -> None:
    refused(root, archive_at(server, b"this is no archive"), "cannot be used")
    assert left(root) == set()


def test_archive_with_a_wrong_gzip_checksum(server: Server, root: Path) -> None:
    # Without the empty blocks that end a tar, the reader comes to gzip's own checksum (CRC).
    tar = gzip.decompress(CONTENT).rstrip(b"\0")
    content = bytearray(gzip.compress(tar + bytes(-len(tar) % tarfile.BLOCKSIZE)))
    content[-8] ^= 255
    refused(root, archive_at(server, bytes(content)), "cannot be used", "CRC")
    assert left(root) == set()


def test_wrong_or_missing_batch_in_the_archive(server: Server, root: Path) -> None:
    files = {**FILES, "data_batch_2": FILES["data_batch_1"]}
    refused(root, archive_at(server, packed(files)), "data_batch_2", MD5S["data_batch_2"])
    del files["data_batch_2"]
    refused(root, archive_at(server, packed(files)), "data_batch_2 is missing")
    assert left(root) == set()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        (f"{FOLDER}/../../evil", tarfile.REGTYPE),
        ("/evil", tarfile.REGTYPE),
        ("elsewhere/evil", tarfile.REGTYPE),
        (f"{FOLDER}/evil", tarfile.SYMTYPE),
        (f"{FOLDER}/evil", tarfile.LNKTYPE),
        (f"{FOLDER}/evil", tarfile.CHRTYPE),
    ],
)
def test_malicious_member_is_refused(server: Server, root: Path, name: str, kind: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = "../../bystander"
    refused(root, archive_at(server, packed(FILES, member)), "'" + name + "'", "has no place")
    assert left(root) == set()
    assert list(root.parent.rglob("evil")) == []


def test_disk_full_while_unpacking(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_at(server)

    def full(self: tarfile.TarFile, path: Path, *_: object, **__: object) -> None:
        (path / FOLDER).mkdir()
        (path / FOLDER / "data_batch_1").write_bytes(b"the beginning")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extractall", full)
        refused(root, archive, "disk is full", "Free some space")
    assert left(root) == {PACKED}  # it is good, and need not be fetched again
    cifar10.fetch(root, archive=archive, progress=False)
    assert cifar10.on_disk(root, archive) == root
    assert len(server.requests) == 1


def test_space_for_the_unpacked_files_is_asked_for_first(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(1, 1, 200_000_000))
    archive = replace(archive_at(server), needed_free=CIFAR10.needed_free)
    refused(root, archive, "Not enough space", "400.0 MB", "200.0 MB", str(root))
    assert server.requests == []


def test_folder_below_a_file(server: Server, root: Path) -> None:
    with pytest.raises(DownloadError, match="bystander"):
        cifar10.fetch(root / "bystander" / "x", archive=archive_at(server), progress=False)
    assert left(root) == set()


def test_no_write_permission(server: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", forbidden)  # permission bits would not stop root
    refused(root, archive_at(server), "No permission", str(root), "COURSE_CACHE")
    assert left(root) == set()
    assert server.requests == []


def test_interrupt_while_unpacking_leaves_nothing_half(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_at(server)

    def interrupted(packed: Path, draft: Path, archive: Archive) -> None:
        (draft / FOLDER).mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "_unpack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cifar10.fetch(root, archive=archive, progress=False)
    assert left(root) == {PACKED}
    assert cifar10.on_disk(root, archive) is None


def test_two_at_once_make_one_download(server: Server, root: Path) -> None:
    archive = archive_at(server, CONTENT, always=Answer(dribble=20_000, pause=0.05))
    done: list[Path] = []
    threads = [
        threading.Thread(
            target=lambda: done.append(cifar10.fetch(root, archive=archive, progress=False))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [root, root]
    assert len(server.requests) == 1
    assert left(root) == {FOLDER, PACKED}


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> None:
    default = cifar10.cache_folder()
    assert default.parts[-2:] == ("data", "downloads")
    assert (default.parents[1] / "course_utils").is_dir()
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    assert cifar10.cache_folder() == tmp_path / "cache"
    archive = archive_at(server)
    assert cifar10.fetch(archive=archive, progress=False) == tmp_path / "cache"
    assert cifar10.on_disk(archive=archive) == tmp_path / "cache"


def test_online(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "CIFAR10", archive_at(server))
    assert cifar10.online()
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert not cifar10.online()
    assert len(server.requests) == 1
    monkeypatch.delenv("COURSE_OFFLINE")
    monkeypatch.setattr(cifar10, "CIFAR10", archive_at(server, always=Answer(silent=True)))
    began = time.monotonic()
    assert not cifar10.online(timeout=0.3)
    assert time.monotonic() - began < 2


def weights_at(server: Server, *planned: Answer) -> tuple[str, bytes]:
    """A file of weights named after its hash, as torchvision names them; address and bytes."""
    buffer = io.BytesIO()
    torch.save({"weight": torch.arange(5000.0)}, buffer)
    content = buffer.getvalue()
    name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    return server.add(name, content, *planned), content


def test_weights_land_where_torch_hub_looks(server: Server) -> None:
    url, content = weights_at(server, Answer(cut_after=3000))
    assert torchvision_weights.on_disk(url) is None
    path = torchvision_weights.fetch(url, progress=False)
    assert path.read_bytes() == content
    requests = len(server.requests)
    state = torch.hub.load_state_dict_from_url(url, weights_only=True, progress=False)
    assert state["weight"][-1] == 4999
    assert torchvision_weights.on_disk(url) == path
    assert torchvision_weights.fetch(url, progress=False) == path
    assert len(server.requests) == requests == 2


def test_weights_with_a_wrong_hash_are_refused(server: Server) -> None:
    url, content = weights_at(server)
    server.files[f"/{url.rsplit('/', 1)[1]}"].content = content + b"more"
    with pytest.raises(DownloadError, match=r"(?s)sha256 .*What to do:"):
        torchvision_weights.fetch(url, progress=False)
    assert torchvision_weights.on_disk(url) is None


def test_weights_of_the_readers_own_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "torch" / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth"
    assert torchvision_weights.on_disk(WEIGHTS) is None
    path.parent.mkdir(parents=True)
    path.touch()
    assert torchvision_weights.on_disk(WEIGHTS) is None  # empty: what an interrupted copy leaves
    path.write_bytes(b"placed by hand")
    assert torchvision_weights.on_disk(WEIGHTS) == path
    assert torchvision_weights.fetch(WEIGHTS) == path
    assert path.read_bytes() == b"placed by hand"


def test_torchvision_builds_the_model_from_fetched_weights(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    buffer = io.BytesIO()
    original = torchvision.models.mobilenet_v2().state_dict()
    torch.save(original, buffer)
    # These are not the official weights, so they are placed by way of another name.
    url = server.add("mobilenet_v2-plain.pth", buffer.getvalue())
    path = torchvision_weights.fetch(url, progress=False)
    shutil.move(path, path.with_name(Path(WEIGHTS.url).name))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert torchvision_weights.fetch(WEIGHTS).parent == path.parent
    model = torchvision.models.mobilenet_v2(weights="IMAGENET1K_V1")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, original[name])
