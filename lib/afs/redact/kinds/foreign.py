"""Names of secrets in other languages and scripts, read as `password`.

Rules see one byte a character and know names in ASCII. A text that holds a name such as 密码 or пароль,
also as JSON escapes it, is searched once more with the English word in its place, and places are counted
back. What is written in such scripts right behind a value is no part of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Back = Callable[[int, int], tuple[int, int]]

# Where words have spaces between them, a name ends where its word does.
_SPACED = (
    *("пароль", "пароля", "паролем", "паролю", "парола", "лозинка", "κωδικός", "κωδικος", "סיסמה", "סיסמא"),
    *("hasło", "hasłem", "şifre", "şifresi", "jelszó", "lösenord", "lösenordet", "mật khẩu"),
    *(
        "mật_khẩu",
        "mậtkhẩu",
        "contraseña",
        "salasõna",
        "slaptažodis",
        "fjalëkalimi",
        "aðgangsorð",
        "비밀번호",
    ),
    *("패스워드", "암호", "كلمة المرور", "كلمة السر", "رمز عبور", "पासवर्ड"),
)
_JOINED = ("密码", "密碼", "口令", "パスワード", "暗証番号", "暗証", "รหัสผ่าน")
_KEYS = ("密钥", "密鑰", "金鑰", "秘密鍵", "令牌")
# Words and signs behind a name that say what it is.
_SAYS = ("是", "为", "為", "は", "\uff1a", "\uff1d", "는", "은", " \u2014", " \u2013")
_LETTER = r"[^\W\d_]"
# Of what stands behind a name these are full stops and colons of another width.
_ASCII = re.compile(r"[!-~]+")
_PART = re.compile(r"(?m)^([ -~]*)(.+)$")


def _cased(names: Iterable[str]) -> list[str]:
    """Names in small letters, capitals and both, the longest first."""
    cased = {form for name in names for form in (name, name.capitalize(), name.upper())}
    return sorted(cased, key=lambda form: (-len(form), form))


def _plain(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, _cased(names)))


def _as_json(form: str) -> str:
    """A pattern of a name as JSON writes it, at any depth of escapes."""
    return "".join(
        re.escape(char)
        if char.isascii()
        else rf"\\{{1,31}}+u(?:{ord(char):04x}|{f'{ord(char):04x}'.upper()})"
        for char in form
    )


def _escaped(names: Iterable[str]) -> str:
    return "|".join(map(_as_json, _cased(names)))


_SAID = rf"(?:[ \u3000]?(?:{_plain(_SAYS)}|{_escaped(_SAYS)})(?:[ \u3000:]|\\{{1,31}}+u3000)*+)?"
_WRITTEN = rf"(?P<written_key>{_escaped(_KEYS)})|{_escaped((*_JOINED, *_SPACED))}"
_IN_ASCII = re.compile(rf"(?:{_WRITTEN})(?P<said>{_SAID})")
_ANYWHERE = re.compile(
    rf"(?:(?P<key>{_plain(_KEYS)})|{_plain(_JOINED)}|(?<!{_LETTER})(?:{_plain(_SPACED)})(?!{_LETTER})|{_WRITTEN})"
    rf"(?P<said>{_SAID})"
)


# One quick look for a name from its first letter that is not ASCII on, plain or escaped.
_PARTS = sorted(set(_PART.findall("\n".join(_cased((*_SPACED, *_JOINED, *_KEYS))))))
_BEGINS = re.compile(
    "|".join(
        f"{re.escape(stem[0])}(?<={re.escape(front + stem[0])}){re.escape(stem[1:3])}"
        for front, stem in _PARTS
    )
)
_STEMS = sorted({stem[:3] for _, stem in _PARTS if len(stem) > 1})
_BEGINS_ESCAPED = re.compile(f"u(?:{'|'.join(_as_json(stem).partition('u')[2] for stem in _STEMS)})")


def view(text: str) -> tuple[str, Back] | None:
    """A text with English names in place of others, and what turns a place in it into the place in the
    text; None where it holds no such name."""
    escaped = "\\" in text and "\\u" in text and _BEGINS_ESCAPED.search(text) is not None
    plain = not text.isascii() and _BEGINS.search(text) is not None
    if not (escaped or plain):
        return None
    pattern = _ANYWHERE if plain else _IN_ASCII
    kept: list[str] = []
    starts: list[int] = []  # where each part of the text begins in what is given back
    shifts: list[int] = []  # and how much farther it stands in the text
    last = size = 0
    for name in pattern.finditer(text):
        groups = name.groupdict()
        word = "secret_key" if groups.get("key") or groups.get("written_key") else "password"
        word += ": " if name["said"] else ""
        kept += text[last : name.start()], word
        starts.append(size)
        shifts.append(last - size)
        size += name.start() - last + len(word)
        last = name.end()
    if not kept:
        return None
    starts.append(size)
    shifts.append(last - size)
    kept.append(text[last:])

    def back(start: int, end: int) -> tuple[int, int]:
        first, final = (at + shifts[bisect_right(starts, at) - 1] for at in (start, end - 1))
        return first, final + 1

    return "".join(kept), back


def end(text: str, start: int, stop: int) -> int:
    """Where the value at start:stop ends: before the first sign that is not ASCII, if it begins in ASCII."""
    ascii_part = _ASCII.match(text, start, stop)
    return ascii_part.end() if ascii_part and ascii_part.end() - start > 3 else start
