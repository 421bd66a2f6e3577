"""What a value is: a secret, or a word, a template, a call, a path. The value decides, not its name.

strength() is the one measure of levels 2 and 3:

    0  no secret: a template, a placeholder, a type, a call, a path, a mask
    1  a plain word or words, or digits alone
    2  a word with a few digits, which may be an identifier too
    3  what a person makes up: classes of characters mixed
    4  drawn at random: letters that no word has side by side, digits among letters
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = re.compile(r"REDACTED_[A-Z0-9][A-Z0-9_]*_[0-9]+")

# Second letters that are common after the first in words of English and in names of programs: pairs
# outside cover 1.5 % of the pairs in prose and code, and half of the pairs of random letters.
_COMMON = (
    "abcdfgiklmnprstuvwxy bacdeijlorsuy cacdefhiklmorstuy dabdefgiloprstuy eabcdefgilmnopqrstuvwxy "
    "fadefilnorstuy gaeghilmnorstu haeimorstuy iabcdefgklmnoprstvxz jeosau kaeisw lacdefgilopstuvy "
    "mabeilmopsu nacdefgiklnopstuvxy oabcdefgiklmnoprstuvwx pacdehiloprstuy qru racdefgiklmnoprstuvy "
    "sacefghiklmnopqstuwy tacdefhilmoprstuwxy uabcdefgiklmnprst vaeio waehinors xaceipt yilmnpst zeioa"
)
_PAIRS = frozenset(row[0] + second for row in _COMMON.split() for second in row[1:])

_RANDOM = 0.25
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:[0-9a-f]{16,}|[0-9A-F]{16,})")
_MASK = re.compile(r"([xX*.#?•…])\1{3,}|([0_-])\2{6,}|\*{3}|\.\.\.|…|•")
_TEMPLATE = re.compile(
    r"[$%#@!]?\{.*\}|\$\(|\$\{|\$[A-Za-z_]\w*(?![\w!@#%^&*?+~$])|\$\d$|<[^<>]*>|%\(?[A-Za-z_]*\)?[sdrvq@]?$"
    r"|%[A-Za-z_]\w*%|\[[A-Za-z _-]*\]|\{\{|@[\w.]+@$|!(?:vault|binary|secret|env|ref|sub|getatt|include"
    r"|reference|encrypted\S*)$"
    r"|(?:required|nullable|optional|sometimes|string|confirmed|min|max)[|:][\w|:,.]*$|__\w+__$"
    r"|\\?\(.*\)$|\$\$[A-Za-z_{(]\w*[$})]*$"
)
_CLOSED = re.compile(r"(?:</[A-Za-z]{1,12}>)+$")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_FORMAT = re.compile(r"%[sdr](?![A-Za-z0-9])")
_INSIDE = re.compile(
    r"\\[wdsWDSB][*+?)\]{]|\[\^|\$\{|\{\{|\$\(|<%|%>|\}\}|#\{|\{[A-Za-z_][\w.]*\}|\(\?[:=!<P]"
    r"|\[[a-z][a-z0-9]*[ -][a-z -]+\]"
)
_CALL = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\??\.|::|->)[A-Za-z_$][\w$]*)*(?:[(\[{<]|::<)")
_DOTTED = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\??\.|::|->|/)[A-Za-z_$][\w$-]*)+[;,]?$")
_PATH = re.compile(r"(?:[a-z]+:)?//|(?:\.{1,2}|~)?[/\\]|[A-Za-z]:[\\/]|@[a-z][\w-]*/|arn:|op:")
_FILE = re.compile(
    r"[\w./-]+\.(?:py|js|ts|tsx|jsx|go|rs|c|h|java|rb|php|sh|json|ya?ml|toml|txt|md|html?|css|pem|key|crt|"
    r"cer|pub|p12|pfx|env|ini|conf|cfg|log|lock|csv|xml|png|svg|sql|db)$",
    re.I,
)
_DIGEST = re.compile(r"(?:sha\d{1,3}|md5|h1|blake\w*)[-:_=]", re.I)
_OPTION = re.compile(r"--[a-z][a-z-]+|v?\d{1,3}(?:\.\d{1,5}){1,3}(?:[.-][A-Za-z]\w{0,12})?")
_NUMBER = re.compile(r"[+-]?[\d.,_:/ -]*$|0x[0-9a-fA-F]{1,16}$|\d+(?:\.\d+)?\s?(?:[a-z]{1,3}|days|hours)$")
_ALGORITHM = re.compile(
    r"(?:(?:scram-)?sha|md|pkcs|[rhep]s|aes|des|rsa|utf|base|ed|x|p|secp|curve|chacha|blake|argon|oauth"
    r"|iso|u?int|float|hmac|pbkdf|"
    r"type|version|v|http|tls|ssl|ipv)[-_]?\d{1,4}(?:[-_][a-z0-9]{1,8}){0,3}(?:url|le|be|bit|key|sum|hex"
    r"|[a-z]?\d?)$",
    re.I,
)
_WORDS = re.compile(r"[A-Za-z]+")
# Options with their names, as mounts and secrets of builds have them: id=npm,src=.npmrc
_OPTIONS = re.compile(r"[a-z]{1,12}=[\w./-]{1,60},[a-z]{1,12}=")
# Four words with dashes, as generators of passwords that can be remembered join them.
_DICE = re.compile(r"[A-Za-z]{3,9}(?:([-.])[A-Za-z]{3,9})(?:\1[A-Za-z]{3,9}){2,9}\d{0,4}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6,8}")
_SIGNS = re.compile(r"[!@#%^&*~?+$]")


@lru_cache(maxsize=2048)
def oddness(value: str) -> float:
    """Share of neighbouring characters, 0 to 1, that words and identifiers do not put side by side.

    Random text of any usual alphabet has .25 and more from 12 characters on, 95 % of the names in
    code have less than .2 (measured on the standard library and on agents' logs).
    """
    total = 0.0
    last = ""
    for char in value:
        if last:
            if last.isalpha() and char.isalpha():
                if last.islower() and char.isupper():
                    total += 0.5
                elif (last + char).lower() not in _PAIRS:
                    total += 1
            elif last.isalnum() and char.isalnum():
                total += last.isdigit() != char.isdigit()
            elif last not in "-_. /:" and char not in "-_. /:":
                total += 0.5
        last = char
    return total / max(1, len(value) - 1)


def filler(value: str) -> bool:
    """Whether a value is made of so few characters that it is a mask or a row of the same."""
    return len(set(value)) < min(5, len(value) // 2 + 1)


class Judge:
    """strength() with the word lists of the rule table."""

    def __init__(self, words: Mapping[str, list[str]]) -> None:
        self._none = frozenset(words["none"])
        self._stand_in = frozenset(words["stand_in"])
        self._about = frozenset(words["about"])
        self._prose = frozenset(words["prose"])
        self.strength = lru_cache(maxsize=4096)(self._strength)

    def _strength(self, value: str) -> int:
        """0 to 4, as the module says. Only the first 512 characters are looked at."""
        value = value[:512].strip()
        if "REDACTED_" in value:
            value = PLACEHOLDER.sub("", value)
            if sum(map(str.isalnum, value)) < 4:
                return 0
        if len(value) < 4:
            return 0
        if value[-1] == ">":
            value = _CLOSED.sub("", value)
        lower = value.lower()
        if lower in self._none or filler(value):
            return 0
        if value[0] == "*" == value[-1]:
            value = value.strip("*")  # stressed, in Markdown
            lower = value.lower()
            if len(value) < 4 or lower in self._none:
                return 0
        if "%" in value and _PERCENT.search(value):
            value = _PERCENT.sub(lambda code: chr(int(code[1], 16)), value)
            lower = value.lower()
        if " " in value:
            return self._phrase(value)
        if _TEMPLATE.match(value) or _INSIDE.search(value):
            return 0
        odd = oddness(value)
        drawn = len(value) >= 12 and odd >= _RANDOM
        if _MASK.search(value) and not (drawn and len(value) > 24):
            return 0
        if _FORMAT.search(value) and not drawn:
            return 0
        if _UUID.fullmatch(value):
            return 4
        digits = any(map(str.isdigit, value))
        if _DIGEST.match(value) or _ALGORITHM.fullmatch(value) or _FILE.fullmatch(value):
            return 0
        if _OPTION.fullmatch(value) or (value.count("/") > 1 and not drawn):
            return 0
        if _PATH.match(value) and not (drawn and digits and odd >= 0.35 and value.count("/") < 5):
            return 0
        if _NUMBER.match(value):
            return 1 if value.isdigit() and len(value) >= 6 else 0
        if _DOTTED.fullmatch(value) and not (digits and (drawn or odd >= 0.2 or "-" in value)):
            return 0
        if _OPTIONS.match(value):
            return 0
        if _CALL.match(value) and (
            value[-1] in ")]}>([{<" or not (_SIGNS.search(value) or (digits and odd >= 0.35))
        ):
            return 0
        letters = _WORDS.findall(lower)
        if not drawn and letters:
            if any(word in self._stand_in for word in letters):
                return 0
            if all(word in self._about for word in letters):
                if not digits:
                    return 0
                if len(value) - len(value.rstrip("0123456789")) < 4:
                    return min(2, self._grade(value, odd, drawn))  # token1, secret-12
            if letters[-1] in self._about and not digits and "_" in value:
                return 0
            if _DICE.fullmatch(value) and not any(word in self._about for word in letters):
                return 2
        grade = self._grade(value, odd, drawn)
        return 2 if grade != 3 and _counted(value) else grade

    def _grade(self, value: str, odd: float, drawn: bool) -> int:
        digits = any(map(str.isdigit, value))
        if _HEX.fullmatch(value) and digits:
            return 4
        if value[0] == "#" and _COLOUR.fullmatch(value):
            return 1
        if drawn and (digits or len(value) >= 20):
            return 4
        body = value.lstrip("@#").rstrip(".,;:!?")
        symbols = any(not (char.isalnum() or char in "-_.:/, ") for char in body)
        if not digits and not symbols:
            return 3 if len(value) >= 8 and odd >= 0.35 and not value.islower() else 1
        if symbols or odd >= 0.3:
            return 3
        tail = len(body) - len(body.rstrip("0123456789"))
        made_up = body != value or tail > 2 or (tail > 0 and value[0].isupper() and not value.isupper())
        return 3 if made_up and len(value) >= 8 else 2

    def _phrase(self, value: str) -> int:
        """Several words: prose is no secret, but a password may have a space or a few."""
        words = [word.strip("\"'`.,:;()[]") for word in value.split()]
        if len(words) > 12 or _INSIDE.search(value):
            return 0
        digits = any(map(str.isdigit, value))
        if (
            len(words) < 5
            and digits
            and any(self.strength(word) >= 3 and any(map(str.isdigit, word)) for word in words)
        ):
            return 3
        lower = value.lower()
        if any(word in self._prose or word in self._about for word in _WORDS.findall(lower)):
            return 0
        if not all(word.isalnum() for word in words):
            return 0
        if digits:
            return 2 if len(words) < 6 else 0
        return 2 if len(words) > 3 and value == lower and all(2 < len(word) < 10 for word in words) else 0


def _counted(value: str) -> bool:
    """Whether most of a value goes up by one, as in abcdef123456: typed by a person."""
    steps = sum(ord(b) - ord(a) == 1 for a, b in pairwise(value))
    return steps >= 5 and steps * 4 >= len(value) * 3
