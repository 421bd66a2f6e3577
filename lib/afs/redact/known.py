"""Level 0: what is known before a text is read. Values to replace anywhere, names to look for.

Three sources: the caller (of_caller), a file (read), and the home paths of a conversation
(names.user_names). Nothing here stores, prints or raises a value: the representation of Known and
Name counts them, and BadKnown says a line.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from afs.redact.kinds.judge import oddness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# The type of a line of a known file that names none, and the types that make names of lines.
_KIND = "KNOWN"
_NAMES = {"USER": "user", "HOST": "host", "PERSON": "person"}
_TYPE = re.compile(r"[A-Z][A-Z0-9_]*[A-Z0-9]")
_LEAST = 3
_WRITTEN = re.compile(r"REDACTED(?:_[A-Z0-9_]*)?|(?:user|host)\d+(?:@example\.com)?")
_FILE = 4 << 20
# A value is known in other letters from so many characters on, and as digits from so many bytes.
_CASED = 12
_CODED = 6
# A value of the environment: at least so long, in so many classes of characters.
_LONG = 8
_CLASSES = 2
_VARIABLE = 1 << 16
# A value that begins like a path and is this odd (judge.oddness) was drawn at random.
_RANDOM = 0.35
_GIT_FILES = 32
_GIT_SIZE = 1 << 20


class BadKnown(ValueError):
    """A known file that cannot be used. The message names the path and the line, never the value."""


class Name(NamedTuple):
    """A name of a `user`, `host` or `person`, looked for where such names stand, or `anywhere`."""

    text: str
    kind: str
    anywhere: bool = False

    def __repr__(self) -> str:
        return f"Name({self.kind})"


class Known(NamedTuple):
    """Values, each with the type of its placeholder, and names."""

    values: tuple[tuple[str, str], ...]
    names: tuple[Name, ...]

    def __repr__(self) -> str:
        return f"Known({len(self.values)} values, {len(self.names)} names)"


NOTHING = Known((), ())


def joined(*many: Known) -> Known:
    """All of them as one, in order, without doubles. The first type of a value holds."""
    values: dict[str, str] = {}
    names: dict[tuple[str, str], bool] = {}
    for known in many:
        for value, kind in known.values:
            values.setdefault(value, kind)
        for name in known.names:
            key = name.text, name.kind
            names[key] = names.get(key, False) or name.anywhere
    return Known(tuple(values.items()), tuple(Name(*key, anywhere) for key, anywhere in names.items()))


def is_own(home: str) -> bool:
    """Whether a folder is the caller's own home: that of the environment or of the account."""
    own = {os.path.realpath(path) for path in (os.path.expanduser("~"), _account()[1]) if path}
    return os.path.realpath(home) in own


def known_from(sources: Iterable[str]) -> Known:
    """What the values of --known name: `auto` is the caller, anything else a file. Raises as read() does."""
    return joined(*(of_caller() if source == "auto" else read(source) for source in sources))


# --- a file -----------------------------------------------------------------------------------------


def read(path: str) -> Known:
    """The values of a file, one a line, taken as they are; `TYPE<TAB>` before a value names its type.

    A value that holds a tab needs a type before it, KNOWN if no other.

    The types USER, HOST and PERSON make names, replaced wherever they stand. Blank lines are passed
    over. Raises BadKnown, and OSError where the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(_FILE + 1)
    if len(data) > _FILE:
        raise BadKnown(f"{path}: larger than {_FILE >> 20} MiB")
    values: dict[str, str] = {}
    names: dict[Name, None] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            kind, value = _line(line.removesuffix(b"\r"))
        except ValueError as error:
            what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise BadKnown(f"{path}:{number}: {what}") from None
        if kind in _NAMES:
            names[Name(value, _NAMES[kind], True)] = None
        elif value:
            values.setdefault(value, kind)
    return Known(tuple(values.items()), tuple(names))


def _line(line: bytes) -> tuple[str, str]:
    """(type, value) of a line; ("", "") of a blank one. Raises ValueError without the value."""
    text = line.decode("utf-8")
    if not text.strip():
        return "", ""
    if "\0" in text:
        raise ValueError("holds NUL")
    kind, tab, value = text.partition("\t")
    if not tab:
        kind, value = _KIND, text
    elif not _TYPE.fullmatch(kind):
        raise ValueError(
            "what stands before the tab is no type (upper-case letters, digits, underscores); a value that"
            " holds a tab needs KNOWN and a tab before it"
        )
    if len(value.strip()) < _LEAST:
        raise ValueError(f"a value needs {_LEAST} characters")
    if _WRITTEN.fullmatch(value):
        raise ValueError("a placeholder is no value")
    return kind, value


def also(value: str) -> list[str]:
    """Other texts that are a value, too: accents composed and apart, all its bytes in hexadecimal digits or
    percent codes; of a long one small letters, capitals, and capitals at the beginning of words."""
    from urllib.parse import quote

    forms = [unicodedata.normalize(way, value) for way in ("NFC", "NFD")]
    if len(value) >= _CASED:
        forms += [form for each in (value, *forms) for form in _cased(each)]
    for each in dict.fromkeys((value, *forms[:2])):
        data = each.encode("utf-8", "surrogatepass")
        if len(data) >= _CODED:
            code = "".join(f"%{byte:02x}" for byte in data)
            forms += [data.hex(), data.hex().upper(), code, code.upper()]
        if len(data) >= _CASED:
            forms.append(quote(data, safe="").lower())
            forms.append(quote(data, safe="/").lower())
    return [form for form in dict.fromkeys(forms) if form != value]


def _cased(value: str) -> tuple[str, ...]:
    return value.lower(), value.upper(), value.title(), value.capitalize(), value.swapcase()


# --- the caller -------------------------------------------------------------------------------------


def of_caller(environ: Mapping[str, str] | None = None, home: str | None = None) -> Known:
    """What is known of who runs this: names of user, host and git identity, and secrets of the environment.

    `environ` is the environment, `home` the home folder whose git configuration is read; they are the
    process's own by default. Accounts that are nobody's are left out.
    """
    from afs.redact import rules
    from afs.redact.kinds.assign import Assignments
    from afs.redact.kinds.judge import Judge

    environ = os.environ if environ is None else environ
    home = home or environ.get("HOME") or os.path.expanduser("~")
    table, words = rules.load()
    named = Assignments((rule for rule in table if rule.level == 3), Judge(words), words).name
    login, folder, full = _account()
    # A base name is a user's only where homes stand side by side: /root and /tmp/x are not such places.
    homes = [path for path in (home, folder) if os.path.basename(os.path.dirname(path)).lower() in _HOMES]
    users = [login, *(os.path.basename(path) for path in homes)]
    users += [environ.get(key, "") for key in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")]
    people, addresses = [full], [environ.get("EMAIL", "")]
    for who, address in (*_git_identity(home, environ), *_git_variables(environ)):
        people.append(who)
        addresses.append(address)
    reserved = tuple(words["reserved_domains"])
    addresses = [address for address in addresses if _personal(address, reserved)]
    users += [address.partition("@")[0].rpartition("+")[2] for address in addresses]
    node = os.uname().nodename if hasattr(os, "uname") else environ.get("COMPUTERNAME", "")
    common = frozenset(words["common_users"]).union(words["robots"])
    names = [Name(text, "user") for text in users if text.lower() not in common]
    names += [Name(text, "host") for text in (node, node.partition(".")[0], environ.get("HOSTNAME", ""))]
    names += [Name(text, "person") for text in people if text.lower() not in common]
    stand_ins = frozenset(words["stand_in"]).union(words["about"])
    values = [(address, "EMAIL") for address in addresses]
    values += _secrets(environ, named, stand_ins)
    return joined(Known(tuple(values), tuple(name for name in names if len(name.text) > 1)))


_HOMES = ("home", "users", "homes")


def _account() -> tuple[str, str, str]:
    """(login, home folder, full name) of the account, as far as the system knows them."""
    try:
        import pwd

        entry = pwd.getpwuid(os.getuid())
    except (ImportError, KeyError):  # no such thing, or a user id without an account
        return "", "", ""
    full = entry.pw_gecos.partition(",")[0].replace("&", entry.pw_name.capitalize()).strip()
    return entry.pw_name, entry.pw_dir, full


def _personal(address: str, reserved: tuple[str, ...]) -> bool:
    """Whether a text is an address at a host that is not reserved for examples."""
    local, _, host = address.lower().partition("@")
    if not local or not re.fullmatch(r"[\w.-]+\.[a-z]{2,}", host):
        return False
    return not any(host == one or host.endswith("." + one) for one in reserved)


def _secrets(
    environ: Mapping[str, str], named: Callable[[str], object], stand_ins: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """(value, type) of the variables whose names say secret."""
    for key in sorted(environ):
        value = environ[key].strip()
        rule = named(key)
        url = _URL.match(value)
        if url is not None:  # the password is secret whatever the variable is called
            value, kind = url[1] or "", "PASSWORD"
        elif rule is None or (_ID.search(key) and _UUID.fullmatch(value)):
            continue
        else:
            kind = str(getattr(rule, "type", _KIND))
        if _is_secret(value, stand_ins):
            yield value, kind


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/@:]*:([^\s/@]*)@)?")
_ID = re.compile(r"(?:^|_)(?:SESSION|[UG]?U?ID)(?:_|$)", re.I)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_PATH = re.compile(r"(?:~|\.{1,2})?/|[A-Za-z]:[\\/]|\\\\")
_TEMPLATE = re.compile(r"\$|%\w+%$|<[^<>]*>$|\{\{|REDACTED_|(.)\1*$")


def _is_secret(value: str, stand_ins: frozenset[str]) -> bool:
    if not _LONG <= len(value) <= _VARIABLE or _TEMPLATE.match(value):
        return False
    classes = (str.islower, str.isupper, str.isdigit, _is_sign)
    if sum(any(map(test, value)) for test in classes) < _CLASSES:
        return False
    if _PATH.match(value) and (oddness(value[:512]) < _RANDOM or os.path.exists(value)):
        return False
    letters = re.findall(r"[a-z]+", value.lower())
    return any(map(str.isdigit, value)) or not all(word in stand_ins for word in letters)


def _is_sign(char: str) -> bool:
    return not char.isalnum()


# --- git's identity ---------------------------------------------------------------------------------


def _git_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for role in ("AUTHOR", "COMMITTER"):
        yield environ.get(f"GIT_{role}_NAME", ""), environ.get(f"GIT_{role}_EMAIL", "")


def _git_identity(home: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(name, address), one of them "", as git's configuration files say them under any condition."""
    folder = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    paths = [environ.get("GIT_CONFIG_GLOBAL", "")]
    if not paths[0]:
        paths = [os.path.join(folder, "git", "config"), os.path.join(home, ".gitconfig")]
    seen: set[str] = set()
    while paths and len(seen) < _GIT_FILES:
        path = os.path.realpath(paths.pop(0))
        if path in seen:
            continue
        seen.add(path)
        for section, key, value in settings(_text(path)):
            if (section, key) == ("user", "name"):
                yield value, ""
            elif (section, key) == ("user", "email"):
                yield "", value
            elif section in ("include", "includeif") and key == "path" and value:
                inner = home + value[1:] if value.startswith("~/") else value
                paths.append(os.path.join(os.path.dirname(path), inner))


def _text(path: str) -> str:
    """The text of a small regular file; "" where there is none that can be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_GIT_SIZE)
    except (OSError, ValueError):
        return ""


_SECTION = re.compile(r"[ \t]*\[[ \t]*([A-Za-z0-9.-]+)[^\]\n]*\]")
_SETTING = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9-]*)[ \t]*(?:=[ \t]*(.*)|(?:[#;].*)?)$")
_PART = re.compile(r'"((?:[^"\\]|\\.)*)"?|[#;].*|\\(.)|([^"\\#;]+)')
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, key, value) of a file in git's form, section and key in lower case (git-config(1))."""
    section = ""
    for line in _lines(text):
        head = _SECTION.match(line)
        if head is not None:
            section, line = head[1].lower(), line[head.end() :]
        setting = _SETTING.match(line)
        if setting is not None:
            yield section, setting[1].lower(), _unquoted(setting[2] or "")


def _lines(text: str) -> Iterable[str]:
    """The lines, those that end with a backslash joined with the next."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n", r"\1", text).splitlines()


def _unquoted(value: str) -> str:
    """A value without its quotes, escapes and comment."""
    out = ""
    for part in _PART.finditer(value):
        if part[0][0] in "#;":
            break
        if part[1] is not None:
            out += re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), part[1])
        else:
            out += part[3] or _ESCAPES.get(part[2], part[2] or "")
    return out.strip()
