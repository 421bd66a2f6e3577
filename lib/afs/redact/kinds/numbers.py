"""Level 5: numbers of people, found in one sweep over the text: cards, telephones, IBAN, SSN.

A translation turns digits into one letter and what separates them into another, so that a few searches
of fixed strings find all places where such a number may stand; each is then checked exactly:

- payment cards by issuer range, length and the Luhn digit (ISO/IEC 7812), plain or in groups;
- telephones as phones.py says (ITU-T E.164);
- IBAN by length of the country and the check digits modulo 97 (ISO 13616);
- social security numbers of the United States in the form 3-2-4, or plain behind their name; no
  number begins with 000, 666 or 9, and no part is zero.

Timestamps, ids, versions, hexadecimal digits and decimals stay. What follows a word such as `id` does,
too, where nothing but the check digit speaks for a card.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from afs.redact.kinds import phones
from afs.redact.kinds.edges import alone, closes, neutral, opens

if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[int, int, str]

_SEPARATORS = b" -/\xa0\xb7\xad"
_SEEN = bytes.maketrans(
    string.digits.encode() + string.ascii_uppercase.encode() + _SEPARATORS,
    b"0" * 10 + b"A" * 26 + b"-" * len(_SEPARATORS),
)
_DIGITS = re.compile(rb"0*+")
_ROW = re.compile(rb"[0-]*+")


def sweep(raw: bytes) -> Iterator[Place]:
    """(start, end, finder) of every number: `card`, `phone`, `iban` or `ssn`."""
    raw = neutral(raw)
    seen = raw.translate(_SEEN)
    at = seen.find(b"000000000")
    while at >= 0:
        run = _DIGITS.match(seen, at)
        end = run.end() if run else at + 9
        if end - at < 25:
            yield from _plain(raw, at, end)
        at = seen.find(b"000000000", end)
    at = seen.find(b"00-000")
    done = 0
    while at >= 0:
        row = _ROW.match(seen, at)
        end = row.end() if row else at + 6
        yield from _grouped(raw, max(done, at - 24), at, end)
        done = end
        at = seen.find(b"00-000", end)
    for needle in (b"00-00-00-00-00", b"00.00.00.00.00"):
        at = seen.find(needle)
        while at >= 0:
            if not raw[at - 1 : at].isdigit() and phones.says_phone(raw, at):
                yield from phones.national(raw, at)
            at = seen.find(needle, at + 14)
    at = seen.find(b".000.0000")
    while at >= 0:
        yield from phones.dotted(raw, at)
        at = seen.find(b".000.0000", at + 9)
    for plus in phones.PLUS.finditer(raw):
        yield from phones.international(raw, plus.start(), plus.end() - 1)
    at = seen.find(b"AA00")
    while at >= 0:
        place = iban(raw, at)
        if place is not None:
            yield *place, "iban"
        word = _WORD.match(seen, at)
        at = seen.find(b"AA00", max(at + 4, word.end() if word else 0, place[1] if place else 0))
    yield from _named_iban(raw)


# --- cards ------------------------------------------------------------------------------------------

# First digits and lengths, from ISO/IEC 7812 and the networks' own tables. The sure ones need no word.
_SURE = re.compile(
    rb"(?:4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|220[0-4]|352[89]|35[3-8]|6011|62|64[4-9]|65"
    rb"|50(?:18|19|20|38)|5893|6304|67(?:59|6[1-3])|5610|6333|508[5-9]|6521|8600|9860|9792|506[01])[0-9]*\Z"
)
_RANGES = re.compile(rb"(?:[34]|5[0-8]|2[2-7]|6|8[126]|9792|9860)")
_GAP = rb"[ \xa0\xb7.+-]"
_CARDS = re.compile(
    rb"(?<![0-9])(?:"
    rb"[0-9]{4}(?P<a>" + _GAP + rb")[0-9]{4}(?P=a)[0-9]{4}(?P=a)[0-9]{4}(?:(?P=a)[0-9]{3})?"
    rb"|[0-9]{4}(?P<b>" + _GAP + rb")[0-9]{6}(?P=b)[0-9]{4,5}"
    rb"|[0-9]{4}(?P<c>" + _GAP + rb")[0-9]{3}(?P=c)[0-9]{3}(?P=c)[0-9]{3}"
    rb"|[0-9]{4}(?P<d>" + _GAP + rb")[0-9]{4}(?P=d)[0-9]{4}(?P=d)[0-9]{1,3}"
    rb"|[0-9]{6}" + _GAP + rb"[0-9]{10,13}|[0-9]{8}" + _GAP + rb"[0-9]{8})(?![0-9])"
)
_CARD_WORD = re.compile(
    rb"(?i)card|visa|amex|american.?express|maestro|diners|discover|(?<![a-z])(?:jcb|cc|pan|pay)(?![a-z])|cc_?n"
    rb"|credit|debit|kreditkarte|carte|tarjeta"
)
_ID_WORD = re.compile(
    rb"(?:(?:(?<![A-Za-z])|_|-)(?i:ids?|uid|gid|uuid|guid|pid|sid|seed|time|timestamp|ts|hash|offset|size|bytes"
    rb"|count|nonce|epoch|sha|key|serial|sku|ean|gtin|upc|barcode|isbn|tracking|order|build)"
    rb"|Ids?|ID|Time|At|_at|Timestamp)\\*[\"']?\]?[\s\0]{0,4}[:=#>(]{0,2}[\s\0]{0,4}\\*[\"']?\Z"
)
_FACTOR = re.compile(rb"[ ]?\*{1,2}[ ]?[A-Za-z0-9(]")
_TWICE = b"0246813579"


def luhn(digits: bytes) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812, annex B)."""
    total = sum(byte - 48 for byte in digits[-1::-2])
    total += sum(_TWICE[byte - 48] - 48 for byte in digits[-2::-2])
    return total % 10 == 0


def _card(digits: bytes, word: bool) -> bool:
    """Whether digits are a card's; `word` where its groups or a word beside it say card already."""
    size = len(digits)
    if not 12 <= size <= 19 or not luhn(digits) or digits.count(digits[:1]) == size:
        return False
    if word:
        return _RANGES.match(digits) is not None
    if size == 16:
        return _SURE.match(digits) is not None and not _power(digits)
    if size == 15:
        return digits[:2] in (b"34", b"37")
    if size == 14:
        return digits[:2] in (b"36", b"38", b"39") or digits[:3] in _DINERS
    if size == 19:
        return digits[:2] == b"62"
    # Shorter and longer ones are ids more often, but for the test numbers with their rows of one digit.
    return size == 13 and digits[:1] == b"4" and any(digits.count(one * 6) for one in (b"0", b"1", b"2"))


_DINERS = frozenset((b"300", b"301", b"302", b"303", b"304", b"305", b"309"))


def _power(digits: bytes) -> bool:
    """Whether a number is a power of two or beside one, as limits of types are."""
    number = int(digits)
    return any(one & (one - 1) == 0 for one in (number, number + 1))


def _plain(raw: bytes, at: int, end: int) -> Iterator[Place]:
    """Nine digits or more in a row."""
    size = end - at
    if not 9 <= size <= 19 or not closes(raw, end):
        return
    before = raw[at - 1 : at] if at else b""
    if _number_goes_on(raw, at, end):
        return
    if before == b"+" or raw[max(0, at - 6) : at].rstrip(b"\0")[-1:] == b"+":
        return  # the sign has a look of its own
    if not opens(raw, at):
        return
    left = raw[max(0, at - 48) : at]
    digits = raw[at:end]
    if size >= 12:
        word = _CARD_WORD.search(left) is not None
        if _card(digits, word) and (word or not (_ID_WORD.search(left) or _FACTOR.match(raw, end))):
            yield at, end, "card"
            return
    if size == 9 and _SSN_WORD.search(left.lower()) and _ssn(digits):
        yield at, end, "ssn"
    elif size <= 15 and phones.says_phone(raw, at):
        yield from phones.national(raw, at)


def _number_goes_on(raw: bytes, at: int, end: int) -> bool:
    """Whether digits are a part of a longer number: a decimal, a serial number with dashes."""
    before, after = raw[max(0, at - 2) : at], raw[end : end + 2]
    return (before[-1:] in (b".", b"-") and before[:1].isdigit()) or (
        after[:1] in (b".", b"-") and after[1:].isdigit()
    )


# --- numbers in groups ------------------------------------------------------------------------------

_THREE_TWO_FOUR = re.compile(rb"(?<![0-9])[0-9]{3}(?P<t>[ \xa0\xb7-])[0-9]{2}(?P=t)[0-9]{4}(?![0-9])")
_SSN_WORD = re.compile(rb"ssn|social.{0,3}sec|soc.{0,2}sec|taxpayer|(?<![a-z])(?:tin|itin)(?![a-z])")


def _grouped(raw: bytes, low: int, at: int, end: int) -> Iterator[Place]:
    """Digits with separators: everything that `raw[at:end]` holds, or that begins a little before it."""
    nothing = True
    begin = low
    while (card := _CARDS.search(raw, begin, end + 1)) is not None:
        begin = card.start() + 1
        if _card(card[0].translate(None, b" .+-\xa0\xb7"), True) and _alone_or_named(raw, card):
            yield *card.span(), "card"
            begin = card.end()
            nothing = False
    for phone in phones.NANP.finditer(raw, low, end + 1):
        if phone.end() > at and phones.north_american(raw, phone):
            yield *phone.span(), "phone"
            nothing = False
    for ssn in _THREE_TWO_FOUR.finditer(raw, low, end + 1):
        if not _ssn(ssn[0].translate(None, b" -\xa0\xb7")) or not alone(raw, *ssn.span(), ssn["t"]):
            continue
        if ssn["t"] == b"-" or _SSN_WORD.search(raw[max(0, ssn.start() - 48) : ssn.start()].lower()):
            yield *ssn.span(), "ssn"
            nothing = False
    if nothing:
        begin = at
        while begin > low and raw[begin - 1 : begin] in _IN_NUMBER:
            begin -= 1
        while begin < at and not (raw[begin : begin + 1].isdigit() or raw[begin : begin + 1] == b"("):
            begin += 1
        if phones.says_phone(raw, begin):
            yield from phones.national(raw, begin)


def _alone_or_named(raw: bytes, card: re.Match[bytes]) -> bool:
    """Whether groups are all of a number, or a word says card: the date may follow with no other sign."""
    start, end = card.span()
    sign = card["a"] or card["b"] or card["c"] or card["d"] or b" "
    if alone(raw, start, end, sign):
        return True
    return opens(raw, start) and closes(raw, end) and bool(_CARD_WORD.search(raw, max(0, start - 32), start))


_IN_NUMBER = frozenset(bytes((byte,)) for byte in b"0123456789 -/()\xa0\xb7")


def _ssn(digits: bytes) -> bool:
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in (b"000", b"666") and area[:1] != b"9" and group != b"00" and serial != b"0000"


# --- IBAN -------------------------------------------------------------------------------------------

# Country and length, from the registry that ISO 13616 names (SWIFT).
_COUNTRIES = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 "
    "EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 "
    "IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 "
    "NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 "
    "SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
_COUNTRY = {row[:2].encode(): int(row[2:]) for row in _COUNTRIES.split()}
_WORD = re.compile(rb"[A0]*+")
_STEP = re.compile(rb"(?:[ \xa0\xb7+-]\0{0,5})?([A-Za-z0-9]{1,30}+)")


def iban(raw: bytes, at: int) -> tuple[int, int] | None:
    """The place of an account number that begins at `at`, or None."""
    size = _COUNTRY.get(raw[at : at + 2].upper())
    if size is None or not opens(raw, at):
        return None
    text = b""
    end = at
    while (
        len(text) < size and (step := _STEP.match(raw, end)) is not None and (text == b"" or len(text) >= 4)
    ):
        text += step[1]
        end = step.end()
    if len(text) != size or not text.isalnum() or not closes(raw, end):
        return None
    text = text.upper()
    if not text[2:4].isdigit() or sum(48 <= byte < 58 for byte in text) < 8:
        return None
    number = "".join(str(int(chr(byte), 36)) for byte in text[4:] + text[:4])
    return (at, end) if int(number) % 97 == 1 else None


_NAMED = re.compile(rb"iban(?:[ _-]?(?:number|no|code))?(?:\\*[\"'`]|[\s\0:=>|(.#]){1,10}([a-z]{2}[0-9]{2})")


def _named_iban(raw: bytes) -> Iterator[Place]:
    """An account number in small letters behind its name."""
    low = raw.lower()
    at = low.find(b"iban")
    while at >= 0:
        name = _NAMED.match(low, at)
        place = iban(raw, name.start(1)) if name is not None else None
        if place is not None:
            yield *place, "iban"
        at = low.find(b"iban", at + 4)
