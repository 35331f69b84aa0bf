"""Write all orders to a file."""

import csv
from pathlib import Path
from sqlite3 import Connection

PAGE_SIZE = 500


def export_orders(db: Connection, target: Path) -> int:
    rows = db.execute("SELECT * FROM orders ORDER BY id").fetchall()
    with target.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return len(rows)
