"""The demonstration: a believable till, an honest comparison."""

import base64
import hashlib
import json
import random
import sqlite3
import struct
import sys
import zlib
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from traybackup.api.errors import Cancelled
from traybackup.api.progress import Cancel
from traybackup.app.demo import story, till
from traybackup.app.demo.steps import Step

OPENED = datetime(2026, 3, 2, 8, 0)  # noqa: DTZ001 - a till writes local time without a zone


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "Till"
    till.make(folder, OPENED)
    return folder


def unpad(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_receipts_are_the_sums_of_their_lines(shop_folder: Path) -> None:
    """The sample database is sound, in WAL mode, and its figures add up."""
    with closing(sqlite3.connect(shop_folder / till.DATABASE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        wrong = database.execute(
            "SELECT count(*) FROM receipts r WHERE total <> (SELECT sum(amount) FROM lines WHERE receipt = r.id)"
        )
        assert wrong.fetchone() == (0,)
    assert till.count_receipts(shop_folder / till.DATABASE) == 600


def test_the_fiscal_export_is_a_signed_chain(shop_folder: Path) -> None:
    """Every receipt is signed, chained to the one before, and the turnover counter is the sum so far."""
    keys = json.loads((shop_folder / "fiscal" / "DEP7-keys.json").read_text())
    (entry,) = keys["certificateOrPublicKeyMap"].values()
    public = serialization.load_der_public_key(base64.b64decode(entry["signatureCertificateOrPublicKey"]))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    (group,) = json.loads((shop_folder / "fiscal" / "DEP7.json").read_text())["Belege-Gruppe"]
    receipts = group["Belege-kompakt"]
    assert len(receipts) == 601
    before, turnover = till.REGISTER, 0
    for compact in receipts:
        head, payload, signature = compact.split(".")
        raw = unpad(signature)
        both = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public.verify(both, f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
        parts = unpad(payload).decode().split("_")
        assert len(parts) == 13
        assert base64.b64decode(parts[12]) == hashlib.sha256(before.encode()).digest()[:8]
        turnover += sum(int(part.replace(",", "")) for part in parts[5:10])
        start = hashlib.sha256((parts[2] + parts[3]).encode()).digest()[:16]
        cipher = Cipher(algorithms.AES(base64.b64decode(keys["base64AESKey"])), modes.CTR(start)).decryptor()
        assert int.from_bytes(cipher.update(base64.b64decode(parts[10])), "big", signed=True) == turnover
        before = compact
    with closing(sqlite3.connect(shop_folder / till.DATABASE)) as database:
        assert database.execute("SELECT sum(total) FROM receipts").fetchone() == (turnover,)


def test_the_pictures_are_pictures(shop_folder: Path) -> None:
    """Each is a PNG with right checksums and as many pixels as it says."""
    pictures = sorted((shop_folder / "pictures").iterdir())
    assert len({path.read_bytes() for path in pictures}) == len(pictures) == 24
    data = pictures[0].read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    position, chunks = 8, {}
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, content = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        assert checksum == zlib.crc32(kind + content)
        chunks[kind] = content
        position += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)


def test_sales_go_on_in_another_process(tmp_path: Path) -> None:
    """While the block runs, receipts come in; afterwards none."""
    till.make(tmp_path / "Till", OPENED)
    database = tmp_path / "Till" / till.DATABASE
    with till.selling(database, OPENED):
        first = till.count_receipts(database)
        assert first > 600
        assert Path(f"{database}-wal").stat().st_size > 0
        while till.count_receipts(database) == first:
            pass
    after = till.count_receipts(database)
    assert after > first
    assert till.count_receipts(database) == after


def test_the_story_ends_well(shop: Any, tmp_path: Path) -> None:
    """Saved while it sells, destroyed, brought back: nothing is different, and nothing is kept in the vault."""
    steps: list[Step] = []
    told = story.tell(shop.context, parent=tmp_path, clean=False, step=steps.append, cancel=Cancel())
    assert told.comparison.differences == ()
    assert told.comparison.receipts > 600
    assert told.comparison.files == 27
    assert [step.code for step in steps][-1] == "compared"
    assert told.folder.parent == tmp_path
    assert not (told.till / "fiscal").exists()
    assert (told.restored / "fiscal" / "DEP7.json").exists()
    assert shop.vault.secrets == {}
    assert sys.platform == "win32" or told.code_file.stat().st_mode & 0o777 == 0o600


def test_it_cleans_up_when_asked(shop: Any, tmp_path: Path) -> None:
    """With --clean nothing of it stays."""
    (tmp_path / "demo").mkdir()
    told = story.tell(shop.context, parent=tmp_path / "demo", clean=True, step=lambda _: None, cancel=Cancel())
    assert told.removed
    assert list((tmp_path / "demo").iterdir()) == []


def test_it_can_be_stopped(shop: Any, tmp_path: Path) -> None:
    """Asked to stop it ends, and the till's process with it."""
    cancel = Cancel()
    with pytest.raises(Cancelled):
        story.tell(shop.context, parent=tmp_path, clean=False, step=lambda _: cancel.set(), cancel=cancel)


@pytest.mark.parametrize("spoil", ["picture", "row", "missing", "receipt", "database"])
def test_the_comparison_notices_every_difference(shop_folder: Path, tmp_path: Path, spoil: str) -> None:
    """A changed byte, a changed row, a missing file, a receipt too few: each is a difference."""
    import shutil  # noqa: PLC0415 - for this test

    back = tmp_path / "back"
    shutil.copytree(shop_folder, back)
    original = story._read(shop_folder)
    assert story._compare(back, original, 600).differences == ()
    database = back / till.DATABASE
    if spoil == "picture":
        file = back / "pictures" / "article-001.png"
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif spoil == "missing":
        (back / "settings.ini").unlink()
    elif spoil == "database":
        data = bytearray(database.read_bytes())
        data[-3000:-2000] = random.Random(0).randbytes(1000)
        database.write_bytes(data)
    else:
        statement = {
            "row": "UPDATE customers SET name = 'x' WHERE id = 5",
            "receipt": "DELETE FROM receipts WHERE id = 600",
        }
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(statement[spoil])
    assert story._compare(back, original, 600).differences != ()
