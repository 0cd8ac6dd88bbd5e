"""A shop's till after thirteen years, and one more business day: the corpus that traybackup is made for.

The shape follows what tills keep: a SQLite database of receipts with their lines, the journal text as printed and the
signed receipt (Austria's compact JWS), with the indexes such programs have, grown day by day and never compacted;
quarterly exports of the fiscal protocol; invoices, pictures and messages. All content comes from seeded generators, so
the same version makes the same bytes; signatures and pictures are random and do not compress, the rest does.

A *business day* appends receipts, counts stock down, gives points to customers, rewrites the quarter's export and adds
a few documents: hundreds of pages all over the database change, as they do in a shop.
"""

import base64
import datetime as dt
import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

RECEIPTS = 1_210_000  # with these, the database has 1.0 GB
RECEIPTS_A_DAY = 300
DOCUMENTS = 20_000
ARTICLES = 20_000
CUSTOMERS = 5_000
QUARTERS = 8  # exports kept
FIRST_DAY = dt.date(2013, 1, 7)

SCHEMA = """
    CREATE TABLE articles (id INTEGER PRIMARY KEY, ean TEXT, name TEXT, price INTEGER, tax INTEGER, note TEXT,
                           stock INTEGER, sold INTEGER, changed TEXT);
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, street TEXT, city TEXT, phone TEXT, points INTEGER,
                            seen TEXT);
    CREATE TABLE receipts (id INTEGER PRIMARY KEY, time TEXT, cashier INTEGER, customer INTEGER, payment TEXT,
                           total INTEGER, normal INTEGER, reduced INTEGER, signed TEXT, journal TEXT);
    CREATE TABLE lines (id INTEGER PRIMARY KEY, receipt INTEGER, article INTEGER, quantity INTEGER, price INTEGER);
    CREATE INDEX receipts_by_time ON receipts (time);
    CREATE INDEX receipts_by_customer ON receipts (customer);
    CREATE INDEX lines_by_receipt ON lines (receipt);
    CREATE INDEX lines_by_article ON lines (article);
"""
GOODS = (
    "Kaffee Tee Milch Brot Butter Honig Reis Nudeln Apfel Birne Wein Bier Saft Salz Zucker Seife Kerze Heft Stift Garn"
)
SORTS = "fein mild kräftig bio regional groß klein doppelt leicht dunkel hell rot grün blau weiß extra"
NAMES = "Gruber Huber Bauer Wagner Müller Pichler Steiner Moser Mayer Hofer Leitner Berger Fuchs Eder Fischer Schmid"
PLACES = "Graz Wien Linz Salzburg Villach Wels Steyr Leoben Bruck Judenburg Murau Liezen"
HEADER = "eyJhbGciOiJFUzI1NiJ9"

Row = tuple[object, ...]


class Shop:
    """What stays the same from day to day: how many articles and customers there are, and what articles cost."""

    def __init__(self, scale: float) -> None:
        self.days = max(3, round(RECEIPTS * scale / RECEIPTS_A_DAY))
        self.articles = max(200, round(ARTICLES * min(1.0, scale * 4)))
        self.customers = max(50, round(CUSTOMERS * min(1.0, scale * 4)))
        self.documents = max(60, round(DOCUMENTS * scale))
        fixed = random.Random("articles")
        goods, sorts = GOODS.split(), SORTS.split()
        self.names = [f"{fixed.choice(goods)} {fixed.choice(sorts)} {n}" for n in range(self.articles)]
        self.prices = [fixed.randrange(49, 4999) for _ in range(self.articles)]

    def date(self, day: int) -> dt.date:
        """Return the date of a business day: six of them a week."""
        return FIRST_DAY + dt.timedelta(days=day // 6 * 7 + day % 6)

    def first_receipt(self, day: int) -> int:
        """Return the number of a day's first receipt."""
        return 1 + day * RECEIPTS_A_DAY

    def quarter(self, day: int) -> range:
        """Return the days of the quarter that *day* belongs to, up to it."""
        return range(day // 78 * 78, day + 1)


def business_day(shop: Shop, day: int) -> tuple[list[Row], list[Row]]:
    """Return a day's receipts and their lines, as rows of the two tables without the lines' ids."""
    chance = random.Random(f"day {day}")
    dice, date = chance.random, shop.date(day).isoformat()
    receipts: list[Row] = []
    lines: list[Row] = []
    for number in range(shop.first_receipt(day), shop.first_receipt(day + 1)):
        second = 28_800 + (number - shop.first_receipt(day)) * 36_000 // RECEIPTS_A_DAY + int(dice() * 100)
        time = f"{date}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        printed = [f"MUSTERMARKT GRAZ    Kassa 1\nBon {number}  {time}\n"]
        sums = [0, 0]
        for _ in range(1 + int(dice() ** 2 * 7)):
            # some articles sell all the time and most of them hardly ever; the favourites are spread over the table
            article = int(dice() ** 3 * shop.articles) * 7919 % shop.articles
            quantity, price = 1 + int(dice() ** 4 * 5), shop.prices[article]
            lines.append((number, article + 1, quantity, price))
            sums[article & 1] += quantity * price
            printed.append(
                f"{quantity:3} x {shop.names[article]:<28} {quantity * price / 100:8.2f} {'AB'[article & 1]}\n"
            )
        total = sum(sums)
        customer = 1 + int(dice() * shop.customers) if dice() < 0.12 else None
        payment = "bar" if dice() < 0.6 else "karte"
        printed.append(
            f"SUMME EUR {total / 100:28.2f}\n{payment:>38}\nVielen Dank! Es bediente Sie Frau {number % 5}.\n"
        )
        signed = sign(chance, number, time, sums)
        receipts.append((number, time, number % 5, customer, payment, total, *sums, signed, "".join(printed)))
    return receipts, lines


def sign(chance: random.Random, number: int, time: str, sums: list[int]) -> str:
    """Return something that looks like a receipt in the compact form of Austria's protocol, with a random signature."""
    noise = base64.b64encode(chance.randbytes(72)).decode()
    payload = (
        f"_R1-AT1_KASSE1_{number}_{time}_{sums[0] / 100:.2f}_{sums[1] / 100:.2f}_0,00_0,00_0,00"
        f"_{noise[:12]}_20f2ed172daa09e5_{noise[12:24]}"
    )
    compact = base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")
    return f"{HEADER}.{compact}.{noise[-72:]}"


def fill_database(path: Path, shop: Shop) -> None:
    """Write the database as years of business leave it, in WAL mode and closed."""
    fixed = random.Random("tables")
    day_one = FIRST_DAY.isoformat()
    names, places = NAMES.split(), PLACES.split()
    database = sqlite3.connect(path)
    database.executescript(
        "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;"
        "PRAGMA locking_mode=EXCLUSIVE;" + SCHEMA
    )
    database.executemany(
        "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            (
                n + 1,
                f"90{fixed.randrange(10**11):011}",
                name,
                price,
                20,
                f"Lieferant {n % 40}, Regal {n % 97}",
                500,
                day_one,
            )
            for n, (name, price) in enumerate(zip(shop.names, shop.prices, strict=True))
        ),
    )
    database.executemany(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, 0, ?)",
        (
            (
                n + 1,
                fixed.choice(names),
                f"Hauptstraße {n}",
                fixed.choice(places),
                f"+43 {fixed.randrange(10**9)}",
                day_one,
            )
            for n in range(shop.customers)
        ),
    )
    for day in range(shop.days):
        book(database, *business_day(shop, day))
    database.commit()
    database.execute("PRAGMA locking_mode=NORMAL")
    database.execute("PRAGMA journal_mode=WAL")
    database.close()


def book(database: sqlite3.Connection, receipts: list[Row], lines: list[Row]) -> None:
    """Insert a day's rows."""
    database.executemany("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", receipts)
    database.executemany("INSERT INTO lines (receipt, article, quantity, price) VALUES (?, ?, ?, ?)", lines)


def sell(path: Path, shop: Shop, day: int) -> None:
    """Do one day's business as the till does it: a transaction a receipt, with stock and points."""
    receipts, lines = business_day(shop, day)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    for receipt in receipts:
        number, time, _, customer, _, total, *_ = receipt
        sold = [line for line in lines if line[0] == number]
        database.execute("BEGIN")
        book(database, [receipt], sold)
        database.executemany(
            "UPDATE articles SET stock = stock - ?, sold = sold + ?, changed = ? WHERE id = ?",
            [(quantity, quantity, time, article) for _, article, quantity, _ in sold],
        )
        if customer:
            database.execute("UPDATE customers SET points = points + ?, seen = ? WHERE id = ?", (total, time, customer))
        database.execute("COMMIT")
    database.close()


def export_quarter(folder: Path, shop: Shop, day: int) -> None:
    """Write the fiscal export of the quarter up to *day*, as one JSON file."""
    days = shop.quarter(day)
    receipts = [str(receipt[8]) for each in days for receipt in business_day(shop, each)[0]]
    listed = ",\n".join(f'      "{receipt}"' for receipt in receipts)
    text = (
        '{\n  "Belege-Gruppe": [ {\n    "Signaturzertifikat": "",\n    "Zertifizierungsstellen": [],\n'
        f'    "Belege-kompakt": [\n{listed}\n    ]\n  }} ]\n}}\n'
    )
    (folder / f"dep7-{shop.date(days[0]).isoformat()}.json").write_text(text, "ascii")


def document(chance: random.Random, number: int) -> tuple[str, bytes]:
    """Return a document's ending and content: of ten, six messages, three invoices and a picture."""
    kind = chance.randrange(10)
    if kind < 6:
        goods = chance.choice(GOODS.split())
        line = f"<Position nr='{{}}' artikel='{number}'><Text>{goods}</Text><Menge>1</Menge></Position>\n"
        body = "".join(line.format(chance.randrange(10**6)) for _ in range(chance.randrange(8, 60)))
        return "xml", f"<?xml version='1.0'?>\n<Beleg>\n{body}</Beleg>\n".encode()
    if kind < 9:
        page = chance.randbytes(chance.randrange(7_000, 30_000))
        frame = f"%PDF-1.4\n1 0 obj <</Type /Catalog /Rechnung {number}>> endobj\nstream\n".encode()
        return "pdf", frame + page + b"\nendstream\nxref\n" + b"".join(b"%010d 00000 n \n" % n for n in range(40))
    return "jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + chance.randbytes(chance.randrange(20_000, 80_000)) + b"\xff\xd9"


def write_documents(folder: Path, numbers: range) -> None:
    """Write documents into folders of a hundred and fifty, dated one an hour."""
    for number in numbers:
        ending, content = document(random.Random(f"document {number}"), number)
        path = folder / f"{number // 150:04}" / f"beleg-{number:06}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        moment = 1_500_000_000 + number * 3600
        os.utime(path, (moment, moment))


def make(root: Path, scale: float) -> None:
    """Write the till below *root*, which is empty."""
    shop = Shop(scale)
    for folder in ("data", "export", "documents", "settings"):
        (root / folder).mkdir()
    fill_database(root / "data" / "till.db", shop)
    for quarter in range(max(0, shop.days // 78 - QUARTERS), (shop.days - 1) // 78 + 1):
        export_quarter(root / "export", shop, min(quarter * 78 + 77, shop.days - 1))
    write_documents(root / "documents", range(shop.documents))
    (root / "settings" / "till.ini").write_text("[till]\nregister=KASSE1\nprinter=COM3\n")
    (root / "settings" / "till.log").write_text("".join(events(range(200 * min(shop.days, 300)))))


def events(numbers: range) -> Iterator[str]:
    """Yield lines of the till's log."""
    yield from (f"{1_600_000_000 + n * 60} INFO drawer opened, printer ready, job {n * 7919 % 9973}\n" for n in numbers)


def next_day(root: Path, scale: float, day: int) -> None:
    """Let the shop do its business day number *day* (1 is the first after `make`)."""
    shop = Shop(scale)
    today = shop.days + day - 1
    sell(root / "data" / "till.db", shop, today)
    export_quarter(root / "export", shop, today)
    write_documents(root / "documents", range(shop.documents + (day - 1) * 15, shop.documents + day * 15))
    with (root / "settings" / "till.log").open("a") as log:
        log.writelines(events(range(200 * today, 200 * (today + 1))))
