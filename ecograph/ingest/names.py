"""What does the name of a column say about its part in a tie?"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["CARRIERS", "Part", "amount_rank", "part_of", "speaks_of_id", "speaks_of_time", "time_rank"]

Part = Literal["provider", "receiver"]
CARRIERS = ("driver", "courier", "pengemudi")  # beside a seller in one row, they give the ride and not the goods


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# Roles by part, in English and Indonesian. Words without a role of their own (source, to, ...) come last.
_PROVIDERS = _listed("""
driver courier seller supplier vendor merchant restaurant shop store outlet donor donator donatur sponsor
advertiser campaigner creator developer author publisher producer manufacturer farmer host landlord lender
operator partner mitra api pengemudi penjual pemasok toko pengirim
""")
_RECEIVERS = _listed("""
customer consumer buyer client passenger rider user campaign beneficiary borrower guest tenant shopper
patient member payee mashup app pembeli pelanggan penerima
""")
_PLAIN: dict[str, Part] = {"provider": "provider", "source": "provider", "from": "provider", "sender": "provider",
                           "receiver": "receiver", "recipient": "receiver", "target": "receiver", "to": "receiver",
                           "destination": "receiver", "dest": "receiver"}  # fmt: skip
_OF_AN_ID = ("id", "uuid", "key", "code", "number", "no", "", "handle", "url", "email", "hash", "name", "nama")
_AMOUNTS = _listed("""
amount total value price fare revenue sales gmv spend paid donation gift weight quantity qty units nominal
harga jumlah biaya tarif
""")
_SIDE_AMOUNTS = _listed("discount tip refund refunded fee tax freight target percentage pct share")
_TIMES = _listed("""
time timestamp datetime date when created created_at at ts day placed ordered order announced started start
posted tanggal waktu tgl
""")
_LATER = _listed("updated update modified end ended delivered closed birth expires until")


def _words(name: str) -> list[str]:
    """Lower-case words of a name: ``Driver_ID``, ``driverId`` and ``driver.id`` have the same two."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [w for w in re.split(r"[\W_]+", spaced.lower()) if w]


def part_of(name: str) -> tuple[Part, str | None, int] | None:
    """(part, role, rank) of a column that holds ids of a role; the best of several has the lowest rank.

    Examples
    --------
    >>> part_of("Driver_ID"), part_of("sellerName"), part_of("target"), part_of("seller_state")
    (('provider', 'driver', 0), ('provider', 'seller', 11), ('receiver', None, 6), None)
    """
    words = _words(name)
    for part, roles in (("provider", _PROVIDERS), ("receiver", _RECEIVERS)):
        for role in roles:
            if role in words:
                rest = [w for w in words if w != role]
                return _ranked(part, role, rest)  # type: ignore[arg-type]  # the two parts above
    for word, plain in _PLAIN.items():
        if word in words:
            return _ranked(plain, None, [w for w in words if w != word])
    return None


def _ranked(part: Part, role: str | None, rest: list[str]) -> tuple[Part, str | None, int] | None:
    kind = rest[0] if rest else ""
    return (part, role, _OF_AN_ID.index(kind)) if len(rest) < 2 and kind in _OF_AN_ID else None


def speaks_of_id(name: str) -> bool:
    """Whether a name says that a column holds ids or codes, however numeric they look."""
    words = _words(name)
    return any(w in ("id", "uuid", "key", "code", "hash") for w in words) or words[-1:] in (["no"], ["number"])


def speaks_of_time(name: str) -> bool:
    """Whether a column of plain numbers may hold times."""
    words = _words(name)
    return any(w in _TIMES or w in _LATER or w.endswith(("time", "date", "stamp", "verified")) for w in words)


def time_rank(name: str) -> int:
    """Lowest for the name that most likely says when it happened."""
    words = _words(name)
    said = next((i for i, w in enumerate(_TIMES) if w in words), len(_TIMES))
    return said + 100 * any(w in _LATER for w in words)


def amount_rank(name: str) -> int | None:
    """Lowest for the name that most likely says how much; None where it says nothing of the kind."""
    words = _words(name)
    said = next((i for i, w in enumerate(_AMOUNTS) if w in words), None)
    return None if said is None else said + 100 * any(w in _SIDE_AMOUNTS for w in words)
