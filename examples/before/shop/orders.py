"""Orders, as they lie in the database."""

from dataclasses import dataclass
from datetime import date
from sqlite3 import Connection


@dataclass(frozen=True)
class Order:
    id: int
    customer: str
    placed: date


def find_order(db: Connection, order_id: int) -> Order | None:
    """Give an order; None where no order has this number."""
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    return Order(*row) if row else None


def cancel_order(db: Connection, order_id: int) -> bool:
    with db:
        done = db.execute("DELETE FROM orders WHERE id = ?", (order_id,))
    return done.rowcount == 1
