"""Level 5: addresses of machines, IPv4, IPv6 and MAC, found in one sweep over the text.

A translation turns every hexadecimal digit into one letter, so that a few searches of fixed strings
find all places where an address may stand; each is then parsed exactly. What says nothing of a person
stays: the special-purpose ranges of RFC 6890, the documentation ranges of RFC 5737 (IPv4), RFC 3849 and
RFC 9637 (IPv6) and RFC 7042 (MAC), multicast and broadcast, public resolvers, masks and versions.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from afs.redact.kinds.edges import closes, neutral, opens

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEX = b"0123456789abcdefABCDEF"
# The letter h itself must not read as a digit.
SEEN = bytes.maketrans(_HEX + b"hH", b"h" * len(_HEX) + b"~~")

# --- IPv4 -------------------------------------------------------------------------------------------

_FOUR = re.compile(rb"h\.h{1,3}\.h{1,3}\.h")
_QUAD = re.compile(rb"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9]|\.[0-9])")
_NAMED = re.compile(rb"(?:ip|ec2)-([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})(?![0-9A-Za-z_]|-[0-9])")
# RFC 6890 and its registry, with multicast (RFC 5771), class E and broadcast.
_KEPT4 = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 "
    "198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
)
_SPECIAL = tuple(ipaddress.IPv4Network(net) for net in _KEPT4.split())
# Resolvers that everybody names, the address of Azure's own services, and what everybody makes up.
_KNOWN4 = (
    b"8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 1.1.1.2 1.0.0.2 1.1.1.3 1.0.0.3 9.9.9.9 9.9.9.10 149.112.112.112 "
    b"208.67.222.222 208.67.220.220 4.2.2.1 4.2.2.2 4.2.2.3 4.2.2.4 4.2.2.5 4.2.2.6 64.6.64.6 64.6.65.6 "
    b"94.140.14.14 94.140.15.15 76.76.2.0 76.76.10.0 185.228.168.9 185.228.169.9 77.88.8.8 77.88.8.1 "
    b"114.114.114.114 114.114.115.115 223.5.5.5 223.6.6.6 119.29.29.29 180.76.76.76 168.63.129.16 "
    b"11.22.33.44 12.34.56.78"
)
_RESOLVERS = frozenset(_KNOWN4.split())
_VERSION = re.compile(
    rb"(?i)(?:[=<>~!^]=\s?|[\^~]|(?<![a-z])v\.?|(?:version|release|revision|firmware|driver|cudnn|cuda|kernel|chapter"
    rb"|(?<![a-z])(?:ver|rev|build|oid|section|clause))[a-z_]{0,12}"
    rb"\\*[\"']?[\s\0]{0,4}[:=>(]{0,2}[\s\0]{0,4}\\*[\"']?v?)\Z"
)
_NETWORK = re.compile(
    rb"(?i)(?:://|@|(?<![a-z])ip[a-z_-]{0,12}|address|addr|[a-z_-]{0,12}host[a-z]{0,5}|peer|remote|client|server|forwarded"
    rb"(?:-for)?|real-ip|ping|ssh|curl|telnet|traceroute|nmap|gateway|dns|nameserver|from)"
    rb"\\*[\"']?[\s\0]{0,4}[:=>(\[]{0,2}[\s\0]{0,4}\\*[\"']?\Z"
)
_PRODUCT = re.compile(rb"[A-Za-z][A-Za-z0-9_.-]{0,40}[/-]\Z")


def _public4(quad: re.Match[bytes]) -> bool:
    parts = quad.groups()
    if any(len(part) > 1 and part[:1] == b"0" for part in parts) or b".".join(parts) in _RESOLVERS:
        return False
    numbers = [int(part) for part in parts]
    if max(numbers) > 255 or max(numbers) < 10 or len(set(numbers)) == 1 or numbers[1:] == [0, 0, 0]:
        return False
    return _ordinary(ipaddress.IPv4Address(bytes(numbers)))


def _ordinary(address: ipaddress.IPv4Address) -> bool:
    return not any(address in net for net in _SPECIAL)


def _version(raw: bytes, at: int, quad: re.Match[bytes]) -> bool:
    """Whether four numbers are rather the version of something, or the number of a section."""
    left = raw[max(0, at - 48) : at]
    left = left[left.rfind(b"\n") + 1 :]
    if _VERSION.search(left):
        return True
    numbers = [int(part) for part in quad.groups()]
    if max(numbers[1:]) >= 20 and max(numbers[:3]) >= 32:
        return numbers[2:] == [0, 0] and _PRODUCT.search(left) is not None
    if _NETWORK.search(left):
        return False
    after = raw[quad.end() : quad.end() + 6]
    return not re.match(rb":[0-9]{2,5}(?![0-9])|/(?:[12]?[0-9]|3[0-2])(?![0-9.])", after)


def _ipv4(raw: bytes, seen: bytes) -> Iterator[tuple[int, int, str]]:
    for hit in _FOUR.finditer(seen):
        at = hit.start()
        while at and raw[at - 1 : at].isdigit() and hit.start() - at < 7:
            at -= 1
        quad = _QUAD.match(raw, at)
        if quad is None or not _public4(quad):
            continue
        before = raw[at - 1 : at] if at else b""
        if not opens(raw, at) or (before == b"." and raw[at - 2 : at - 1].isalnum()):
            continue
        after = raw[quad.end() : quad.end() + 1]
        if (after.isalnum() or after == b"_") or _version(raw, at, quad):
            continue
        yield at, quad.end(), "ipv4"


def host_names(raw: bytes) -> Iterator[tuple[int, int, str]]:
    """The addresses in names of hosts that are made of them, `ec2-` or `ip-` and four numbers."""
    for head in (b"ec2-", b"ip-"):
        at = raw.find(head)
        while at >= 0:
            quad = _NAMED.match(raw, at)
            if quad is not None and opens(raw, at) and _public4(quad):
                yield quad.start(1), quad.end(4), "ipv4"
            at = raw.find(head, at + 3)


# --- IPv6 -------------------------------------------------------------------------------------------

_COLONS = re.compile(rb"[0-9A-Fa-f:.]{0,64}+")
# Documentation, and what the registry of RFC 6890 keeps for protocols: but for Teredo, which is somebody's.
_KEPT6 = "2001:db8::/32 3fff::/20 2001::/23 2620:4f:8000::/48"
_KEPT = tuple(ipaddress.IPv6Network(net) for net in _KEPT6.split())
_TEREDO = ipaddress.IPv6Network("2001::/32")
_GLOBAL = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_KNOWN6 = (
    "2001:4860:4860::8888 2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001 2620:fe::fe "
    "2620:fe::9 2620:119:35::35 2620:119:53::53 2a10:50c0::ad1:ff 2a10:50c0::ad2:ff"
)
_RESOLVERS6 = frozenset(ipaddress.IPv6Address(text) for text in _KNOWN6.split())


def _ipv6(raw: bytes, seen: bytes) -> Iterator[tuple[int, int, str]]:
    at = seen.find(b"hhhh:")
    while at >= 0:
        end = at + 5
        if seen[end : end + 1] in (b"h", b":"):
            left = raw[max(0, at - 48) : at]
            begin = at - len(left) + len(left.rstrip(_HEX + b":"))
            run = _COLONS.match(raw, begin)
            if run is not None:
                end = max(end, run.end())
                place = _parsed6(raw, begin, run.end())
                if place is not None:
                    yield *place, "ipv6"
        at = seen.find(b"hhhh:", end)


def _parsed6(raw: bytes, begin: int, end: int) -> tuple[int, int] | None:
    """The place of a public address in a run of hexadecimal digits, colons and dots."""
    while begin < end and not opens(raw, begin):
        colon = raw.find(b":", begin, end)
        if colon < 0:
            return None
        begin = colon + 1
    if raw[begin : begin + 1] == b":" and raw[begin : begin + 2] != b"::":
        begin += 1
    while end > begin and (
        raw[end - 1 : end] == b"." or (raw[end - 1 : end] == b":" and raw[end - 2 : end] != b"::")
    ):
        end -= 1
    text = raw[begin:end]
    if not 6 <= len(text) <= 45 or text.count(b":") < 2 or not closes(raw, end):
        return None
    try:
        address = ipaddress.IPv6Address(text.decode("ascii"))
    except ValueError:
        return None
    inner = address.ipv4_mapped
    if address in _TRANSLATED:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return (begin, end) if b"." not in text and _ordinary(inner) else None
    if address not in _GLOBAL or address in _RESOLVERS6 or not int(address) & (1 << 96) - 1:
        return None  # the last: the net of a provider
    if any(address in net for net in _KEPT) and not (address in _TEREDO and int(address) >> 64 & 0xFFFFFFFF):
        return None
    groups = [group for group in text.split(b":") if group]
    if len(groups) < 3 and text.replace(b":", b"").isdigit() and raw[begin - 1 : begin] == b"[":
        return None  # a slice of a list
    return begin, end


# --- MAC --------------------------------------------------------------------------------------------

_COLONED, _DASHED = b"hh:hh:hh:hh:hh:hh", b"hh-hh-hh-hh-hh-hh"
# Without dots between numbers, nothing is found where none of these is in the text as SEEN shows it.
NEEDLES = (b"hhhh:", _COLONED, _DASHED)
_SIX = re.compile(rb"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}")
_THREE = re.compile(rb"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}")
_GROUPS = re.compile(rb"h[h:.-]*+")
_BEFORE = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{1,4}([:.-])\Z")
_AFTER = re.compile(rb"([:.-])[0-9A-Fa-f]{1,4}(?![0-9A-Za-z])")
_HARDWARE = re.compile(rb"(?i)mac|ether|hw|physical|bluetooth|bssid|station|device|lladdr|arp")
# Nobody's: zero, broadcast, multicast of IPv4, IPv6 and bridges, documentation, and rows of digits.
_NOBODYS = (b"000000000000", b"ffffffffffff", b"01005e", b"3333", b"0180c2", b"00005e", b"001122334455")
_ROWS = frozenset((b"0123456789ab", b"123456789abc", b"aabbccddeeff", b"112233445566", b"a1b2c3d4e5f6"))


def _mac(raw: bytes, seen: bytes, needle: bytes, shape: re.Pattern[bytes]) -> Iterator[tuple[int, int, str]]:
    at = seen.find(needle)
    while at >= 0:
        match = shape.match(raw, at)
        if match is not None and _alone(raw, match) and not _nobodys(raw, match):
            yield *match.span(), "mac"
            at = match.end()
        else:
            run = _GROUPS.match(seen, at)
            at = run.end() if run else at + 1
        at = seen.find(needle, at)


def _alone(raw: bytes, match: re.Match[bytes]) -> bool:
    """Whether no further group stands at either side, as in a fingerprint or a dump."""
    start, end = match.span()
    sign = match[0][2:3] if len(match[0]) == 17 else b"."
    if not opens(raw, start) or not closes(raw, end):
        return False
    before, after = _BEFORE.search(raw, max(0, start - 6), start), _AFTER.match(raw, end)
    return not (before and before[1] == sign) and not (after and after[1] == sign)


def _nobodys(raw: bytes, match: re.Match[bytes]) -> bool:
    digits = match[0].translate(None, b":-.").lower()
    if digits.startswith(_NOBODYS) or digits in _ROWS or len(set(digits)) < 3:
        return True
    left = raw[max(0, match.start() - 40) : match.start()]
    return digits.isdigit() and not _HARDWARE.search(left)


def sweep(raw: bytes, dots: bool, colons: bool, dashes: bool) -> Iterator[tuple[int, int, str]]:
    """(start, end, finder) of every address: `ipv4`, `ipv6` or `mac`, by the signs that it may hold."""
    seen = raw.translate(SEEN)
    if not dots and not any(needle in seen for needle in NEEDLES):
        return
    raw = neutral(raw)
    seen = raw.translate(SEEN)
    if dots:
        yield from _ipv4(raw, seen)
        yield from _mac(raw, seen, b"hhhh.hhhh.hhhh", _THREE)
    if colons:
        yield from _ipv6(raw, seen)
        yield from _mac(raw, seen, _COLONED, _SIX)
    if dashes:
        yield from _mac(raw, seen, _DASHED, _SIX)
