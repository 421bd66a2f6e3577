"""Where names of users, machines and people stand: what is on their left, and what on their right.

Both sides are seen as windows in which escapes, percent codes and colours are undone (names.py), so that
a position is written once for every depth of JSON. Names that are words stand in code and prose, too, so
a position has to show by itself that a name is meant: `user: x` at the end of a line does, `f(user=x)` and
`{ user: x, ...` are variables.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple


class Position(NamedTuple):
    """A name stands here if the left side ends with `left` and the right side begins with `right`.

    `ends` are the characters that the left side may end with: any where it is empty, and a line feed
    stands for the beginning of the text, too. `span` characters of the left side are looked at.
    """

    ends: str
    left: str
    right: str
    span: int = 64


_at = Position

# The name ends here and is no part of a longer one, or of a file name.
_E = r"(?![\w@-]|\.\w)"
_EOL = r"\s*(?:\n|\Z)"
# A line begins here: behind a diff mark, a quotation mark, a line number, the name of an environment.
_LINE = r"(?:\A|[\n\"'`])[ \t>|+*#-]{0,16}(?:\d{1,6}[\u2192:|\t] ?)?"
_STARTS = "\n\"'` \t>|+*#-:\u2192"
_SHELL = _LINE + r"(?:\([\w.-]{1,24}\) )?"
_SHELLS = "\n\"'` )"

# A name of a field, what stands between it and its value, and the end of a value that is not quoted:
# variables of code stand before `,` and `}`.
_USERS = (
    r"(?i:user(?:[_-]?(?:name|id))?|log[_-]?name|login|owner|[ug]name|account|acct|author|committer|maintainer"
    r"|assignee|reviewer|(?:creat|modifi|updat|own|assign|merg)ed[_-]?by)"
)
_HOSTS = r"(?i:host(?:[_-]?name)?|(?:computer|node|machine)[_-]?name|machine)"
_IS = r"[\"'`]?\]?\s{0,4}(?:=>|:=|[:=])\s{0,4}"
_SHUT = r"(?=[ \t]*(?:\n|\Z|[|<(#\"'`]|  |\t))"
_KEY = r"(?:\A|[\n|>*#({\"'`-]|  )\s{0,8}[*_]{0,2}(?:[\w.-]{1,16}[ _-])?"
_COLON = r"[*_]{0,2}:[*_]{0,2}[ \t]{0,16}"
_VARIABLE = r"(?:\A|[\n;&|?{\"'`(]--|[\n;&|?{\"'`]|[^,(\s]\s{1,8})[\w.-]{0,24}"
_LABELS = (
    r"(?i:author|committer|maintainer|co-authored-by|signed-off-by|reviewed-by|acked-by|tested-by"
    r"|reported-by|suggested-by|helped-by|(?:merged|changed|modified|created|written|committed) by)s?"
)
_PEOPLE = r"(?i:author|committer|owner|maintainer|user|actor|sender|assignee|creator|tagger)s?"
_ADDRESS = r"[\"']?\s?[\"']?\s?<[\w.+%-]{1,64}@"
# The type and the permissions of a file, as ls, find and tar write them, its links or size, its owner.
_MODE = r"[.bcdlhps-][rwxsStT-]{9}[.+@]?(?:\s+\d[\d.,]*[kKMGT]?i?B?|\s+-)?\s+(?:[^\s/]{1,40}(?:/|\s+))?"
# Commands that take a user as the value of a flag, and those that take one as an argument.
_AS = (
    r"\b(?:sudo|doas|runuser|crontab|pkill|pgrep|ps|top|htop|killall|lsof|setpriv|docker|podman|kubectl"
    r"|mysql\w*|mariadb\w*|psql|pg_\w+|createdb|dropdb|smbclient|curl|wget|rsync|tar|ssh|scp|sftp|systemd-run"
    r"|machinectl)\b[^\n|;&]{0,48}?\s(?:-[uUl]|--user(?:name)?|--owner|--group|--login|--chown)[ =]?"
)
_OF = (
    r"\b(?:useradd|adduser|userdel|deluser|usermod|gpasswd|chage|newgrp|smbpasswd|htpasswd|createuser|passwd"
    r"|dropuser|loginctl (?:(?:en|dis)able-linger|[a-z]+-user)|getent (?:passwd|group|shadow)|gosu|su-exec)"
    r"(?:\s+-{1,2}[\w=,-]+){0,4}(?:\s+[\w,./-]+)?\s+"
)
_TOOLS = (
    r"(?:git|ls|cd|npm|npx|pnpm|yarn|python3?|pip3?|make|ssh|sudo|cat|docker|brew|node|echo|export|vim?|code"
    r"|claude|codex|gemini|curl|grep|rm|mkdir|uv|cargo|go|\./)(?![\w(=])"
)
_TEMPORARY = (
    r"/tmp/(?:\.?[\w-]{0,12}[_-])?(?:claude|pulse|ssh|tmux|runtime|ray|gradle|npm|vscode|screen|matplotlib"
    r"|ksocket|kde|orbit|gvfs|emacs|jupyter|triton|numba|joblib|user|home)[_-]"
)
_LOGIN = (
    r"(?:\b(?:Accepted [\w/-]+ for|Failed [\w-]+ for(?: invalid user)?|[Ii]nvalid user|authenticating user"
    r"|session (?:opened|closed) for user|[Ll]ogged in (?:as|to \S+ (?:account|as))|[Aa]uthenticated as"
    r"|[Rr]unning as user|[Ll]ogin as)|\[sudo\] \w+ (?:for|f\xfcr)) ['\"`]?"
)
_WHOAMI = r"(?:\b(?:whoami|logname)|\bid -u?n[un]?|\$\{?(?:USER|LOGNAME|USERNAME)\}?|%USERNAME%)"
_HOSTNAME = r"(?:\bhostname(?: -[a-z])?|\buname -n|\$\{?HOSTNAME\}?|%COMPUTERNAME%)"
_PRINTED = r"(?:[\"'`;) ]*|[^\n]{0,60})\n[\s>|]*"
_GIT = (
    r"(?:refs/heads/|refs/remotes/[\w-]+/|(?<![\w./-])(?:origin|upstream)/|[Oo]n branch ['\"`]?|(?:\A|\n)\["
    r"|[Bb]ranch ['\"`]|(?i:git_?branch(?:_?name)?)" + _IS + r"[\"']?"
    r"|\bgit (?:checkout|switch|branch|push|pull|fetch|merge|rebase)\b(?:\s+-{1,2}\w[\w-]*){0,4}"
    r"(?:\s+(?:origin|upstream|fork))?\s+)"
)
_LOCAL = r"\.(?:local|lan|home|internal|intranet|localdomain|fritz\.box|home\.arpa|ts\.net)\b"
_DATE = (
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?) "
)
# `name@` is followed by a machine; by a version, a tag or a call in the languages of packages and code.
_HOST_BEHIND = (
    r"@(?:\d{1,3}(?:\.\d{1,3}){3}\b|[0-9a-f]{12}\b|\[|(?!v\d|(?:latest|next|beta|alpha|canary|rc|main|master"
    r"|HEAD|stable|workspace|npm|file|link|sha\d+|git|https?|patch|catalog)\b)[A-Za-z][\w-]{0,62}(?!\w*\())"
)

_LABELLED = (
    _at(" :\t\"'{", r"(?:\A|[\n\s*#/\"'(\[|])(?:@?" + _LABELS + r":\s*[\"']?|[@\\]author[ {]\s*)",
        _ADDRESS + "|" + _EOL + r"|[\"',}]|\s\("),
    _at("", r"(?:\A|[^\w.-])", _ADDRESS, 1),
    _at("\"'`", _USERS + _IS + r"[\"'`]", r"[\"'`]|" + _ADDRESS, 32),
    _at("\"'", _PEOPLE + r"[\"']?\s{0,4}[:=]\s{0,4}\[?\s{0,8}\{[^{}]{0,80}?[\"']?(?:name|login|username)"
        + _IS + r"[\"']", r"[\"']", 128),
    _at(" =\"'", r"user\.name[\"']?(?: {1,4}|=)[\"']?", _E, 24),
    _at(" =", r"\[user\]\n(?:[^\n\[]*\n){0,4}\s*name\s*=\s*", _EOL, 160),
    _at("(", r"(?<!\w)\^?[0-9a-f]{7,40} (?:[^\s(]+ +)?\(", r" +\d{4}-\d\d-\d\d ", 120),  # git blame
    _at("\t", r"(?:\A|[\n\"'`])\s{0,8}\d+\t", _EOL + "|" + _ADDRESS),  # git shortlog
)  # fmt: skip

# For the names of people that are no two words: lines and fields that say who wrote something.
AUTHOR: tuple[Position, ...] = (
    *_LABELLED,
    _at("=", r"\bGIT_(?:AUTHOR|COMMITTER)_NAME=", r"(?![\w-])"),
)

USER: tuple[Position, ...] = (
    *_LABELLED,
    # paths
    _at("/\\", r"[/\\](?:home|Users|Documents and Settings)[/\\]", _E, 28),
    _at("/\\", r"(?i:[a-z]:[/\\]users)[/\\]", _E, 12),
    _at("/", r"/(?:(?:run/)?media|var/(?:spool/)?mail|var/spool/cron(?:/crontabs|/tabs)?|linger|per-user"
        r"|sudoers\.d|AccountsService/(?:users|icons)|sudo/(?:ts|lectured))/", _E, 32),
    _at("~", r"(?<![\w~.])~", r"(?=[/\\\s\"'`:;,)]|\Z)", 2),
    _at("-", r"(?<![A-Za-z0-9_}])-(?:home|Users)-|(?<![A-Za-z0-9])[A-Za-z]--Users-",
        r"(?![A-Za-z0-9_])", 12),
    _at("-_", r"(?:pytest-of-|hsperfdata_|torchinductor_|/_bazel_|" + _TEMPORARY + ")", r"(?![A-Za-z0-9_])"),
    _at("\\", r"(?<![\w\\:.-])(?!HK)(?:[A-Z][A-Z0-9-]{1,14}|(?i:desktop|laptop|win)-[A-Za-z0-9]{1,12})\\",
        _E, 24),
    # name@host, prompts
    _at("", r"(?:\A|[^\w.+%/-]|//)", _HOST_BEHIND, 2),
    _at(" ", _SHELL + r"[\w.-]{1,63}:[~/\w][^\n]{0,60} ", r"[$#%](?:\s|\Z)", 160),
    _at(_SHELLS, _SHELL, r" (?:[~/]\S* )[%$#\u276f\u279c] | [%$\u276f\u279c\u00bb] " + _TOOLS),
    # key = value
    _at("=", _VARIABLE + _USERS + "=", r"(?![\w-]|[.(\[]\w)"),
    _at(" ", r"(?:\A|\n)[ \t]*" + _USERS + " = ", _EOL, 32),
    _at(": \t*", _KEY + _USERS + _COLON, _SHUT),
    _at(" ", r"(?:\A|[\n\"'`])\s{0,8}(?:User|USER) {1,4}", r"(?::\w+)?(?:" + _EOL + r"|[\"'`])", 20),
    # brackets
    _at("(", r"(?:[ug]id|groups)=\d[\w(),=+. -]{0,140}?\(|(?:[ug]id|groups)=\d+\(", r"\)", 160),
    _at("(@", r"\b(?:TODO|FIXME|XXX|HACK|NOTE|BUG|OPTIMIZE|TBD|REVIEW)\(@?", r"[),:]|\s*[-,:/]", 12),
    _at("(", r"\[\d+\]: \(", r"\) [A-Z]", 16),  # cron
    _at("/ ", r"[UG]id:\s*\(\s*\d+/\s*", r"\)", 40),  # stat
    _at(" ", r"\bby ", r"\(uid=\d", 4),
    # columns: ls, ps, who, passwd and its like, sudoers, top, lsof, group, crontab, svn
    _at(" \t/", _MODE, r"[/\s]+(?:\S+[/\s]+)?\d", 96),
    _at(_STARTS, _LINE, r"\+?\s+\d+\s+\d+\.\d+\s+\d+\.\d+\s"
        r"|\+?\s+\d+\s+\d+\s+\d+\s+(?:\d\d:\d\d|[A-Z][a-z]{2}\d\d|\d{4})\s"
        r"|\s+(?:pts/\d|tty|:\d|console\s|seat\d|system boot)"
        r"|:[^:\s]{0,200}:\d+:\d+:|:(?:[*!]{1,2}|\$\d?\w*\$[^:\s]{8,}):|:\d{4,}:\d+" + _EOL
        + r"|:\$(?:apr1|2[aby]|[156y])\$"
        r"|\s+ALL\s*=|(?: is not in the sudoers| may not run sudo)|\s\(\d+\):" + _EOL, 32),
    _at(" \t", _LINE + r"\d+\s+", r"\s+(?:\d+|rt|-\d+)\s+-?\d+\s+[\d.]+[mgt]?\s"),
    _at(" \t", _LINE + r"\S+\s+\d+\s+(?:\d+\s+)?", r"\s+(?:\d+[urw-]\w?|cwd|txt|mem|rtd|DEL|NOFD)\s"),
    _at(":,", r"(?:\A|[\n\"'`])[\w-]+:[x*!]?:\d+:(?:[\w.-]+,){0,32}", r"(?=,|\s|[\"'`]|\Z)", 160),
    _at(" \t", _LINE + r"(?:(?:[\d*/,-]+\s+){5}|@(?:reboot|(?:hour|dai|week|month|year)ly)\s+)", r"\s+\S"),
    _at(" ", r"\br\d+ \| ", r" \| ", 16),
    # logs and messages
    _at(" '\"`", _LOGIN, _E),
    _at(" ", r"\bHi ", r"! You've", 4),
    _at("'\"`\u2018\u201c", r"\b[Uu]ser(?:name)? ['\"`\u2018\u201c]", r"['\"`\u2019\u201d]", 12),
    _at(" ", r"\bsudo(?:\[\d+\])?:\s+", r" : ", 24),
    _at(" ", r"\(to [\w-]+\) ", r" on ", 40),
    # commands
    _at(" ", r"(?<![\w.-])su(?:\s+-[lcmps]*|\s+--login){0,3}\s+", _E, 24),
    _at(" =u", _AS, r"(?![\w-]|\.\w)", 96),
    _at(" ", r"\binstall\b[^\n|;&]{0,48}\s-[og] ", _E),
    _at(" :.", r"\bch(?:own|grp)\s+(?:-{1,2}\S+\s+){0,4}(?:[\w.-]{1,40}[:.])?", r"(?=[:.]?[\s\w]|[:.]?\Z)"),
    _at(" ", _OF, _E),
    _at(" ", r"(?:[$#;&|`]|\bsudo)\s{0,4}(?:id|groups|last|finger|w|who)\s+(?:-\w+\s+){0,3}", _E, 32),
    _at("\n >|\"'", _WHOAMI + _PRINTED, r"(?=" + _EOL + r"|[\"'<])", 96),
    _at("\"'", r"\bwhoami\b[^\n]{0,100}[\"'](?:output|stdout|content|result|text)[\"']\s*:\s*[\"']",
        r"(?=\s|[\"'])", 160),
    # branches of git that begin with who made them
    _at("/ '\"`[=:", _GIT, r"/\w[\w./]*-[\w.-]*", 96),
    _at("\n/ '\"`[(", r"(?:\A|\bworktrees?/|\bfrom [\w-]+/"
        r"|(?:\binto|\bonto|\bbranch|->|[0-9a-f]{7,40}) [(\[]?['\"`]?)",
        r"/(?:[\w.]+/){0,3}\w+(?:-\w+){2,}(?![\w.]*\.\w)"),
)  # fmt: skip

HOST: tuple[Position, ...] = (
    _at("@", r"[\w.+$}~-]@", r"(?![\w@]|-\w|\.\w)|" + _LOCAL, 2),
    _at("", r"(?:\A|[^\w.-])", _LOCAL, 1),
    _at(_SHELLS, _SHELL, r":[~/\w][^\n]{0,60}? [\w.-]+[$#%] |:[~/]\S*[$#%>] | login: "),
    _at("\"'`", _HOSTS + _IS + r"[\"'`]", r"[\"'`:]|" + _LOCAL, 32),
    _at("=", _VARIABLE + _HOSTS + "=", r"(?![\w-]|[.(\[]\w)"),
    _at(": \t*", _KEY + _HOSTS + _COLON, _SHUT),
    _at(" ", r"\b(?:Linux|Darwin|FreeBSD|OpenBSD|NetBSD|SunOS|CYGWIN\S*|MINGW\S*|MSYS\S*) ", r" \d+\.\d", 24),
    _at("\n >|", _HOSTNAME + _PRINTED, r"(?=" + _EOL + r"|[\"'<])", 96),
    _at(" \t", r"(?:127\.0\.[01]\.1|::1|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3})[ \t]+(?:[\w.-]+[ \t]+){0,4}", _E),
    _at(" ", _DATE, r" [\w./()@-]+(?:\[\d+\])?:", 40),
    _at(" @", r"\b(?:ssh|mosh|sftp|ssh-copy-id|ssh-keyscan|ping6?|telnet|traceroute|mtr|nslookup)\s+"
        r"(?:-\w+(?:\s+[\d/~]\S*)?\s+){0,4}", r"(?=[\s:\"'`;]|\Z|" + _LOCAL + ")"),
    _at(" ", r"\b(?:scp|rsync)\b[^\n|;&]{0,100}\s", r":[~/\w.]", 128),
    _at(" '\"<", r"\b(?:connect to host|PING|[Rr]esolve hostname|authenticity of host|[Hh]ostname set to"
        r"|Resolving) ['\"<]?", _E, 32),
    _at("/@", r"[a-z][a-z0-9+]{1,15}://(?:[^\s/@]{1,80}@)?", r"(?=[:/\s\"'`]|\Z)|" + _LOCAL, 100),
    _at("\\", r"(?:\A|[\s\"'(=])\\", r"\\\w", 3),
    _at(_STARTS, _LINE, r"\\[A-Za-z]", 32),
)  # fmt: skip


class Places:
    """A table of positions, made ready to be asked by the last character of the left side."""

    def __init__(self, table: tuple[Position, ...]) -> None:
        self._other = [one for one in table if not one.ends]
        ends = sorted({end for one in table for end in one.ends})
        self._by_end = {end: [one for one in table if not one.ends or end in one.ends] for end in ends}

    def hold(self, left: str, right: str) -> bool:
        """Whether a name between these two texts stands in one of the positions."""
        for _, before, behind, span in self._by_end.get(left[-1:] or "\n", self._other):
            if _begins(behind).match(right) and _ends(before).search(left, max(0, len(left) - span)):
                return True
        return False


@cache
def _begins(source: str) -> re.Pattern[str]:
    return re.compile(source)


@cache
def _ends(source: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{source})\Z")
