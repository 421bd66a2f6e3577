"""Level 0: values and names that are known, where they are looked for, and where words stay words."""

from __future__ import annotations

import json
import os
import re
import time
from types import SimpleNamespace

import pytest
from afs.redact import Redactor, known, names
from afs.redact.known import NOTHING, BadKnown, Known, Name
from afs.redact.names import Positions, unusual

# `QQ` stands for the name. Every line is also tried as a string in JSON and in JSON within JSON.
USER = r"""
/home/QQ/src
cd /home/QQ
C:\Users\QQ\Documents
C:\\Users\\QQ\\Documents
"C:\\\\Users\\\\QQ\\\\x"
c:\users\QQ\x
C:\Documents and Settings\QQ\x
ls ~QQ/src
/var/mail/QQ
/var/spool/mail/QQ
/var/spool/cron/crontabs/QQ
/run/media/QQ/disk
/media/QQ/usb
projects/-home-QQ-src-app/x.jsonl
C--Users-QQ-src
-Users-QQ-Library
/tmp/pytest-of-QQ/pytest-3
/tmp/hsperfdata_QQ/12
/tmp/torchinductor_QQ/x
/var/lib/systemd/linger/QQ
DESKTOP-AB12\QQ
corp-admins CORP\\QQ ok
ssh QQ@build7
QQ@thinkpad:~/src$ ls
[QQ@thinkpad src]$ ls
(venv) QQ@mac src % ls
mac:src QQ$ ls -la
QQ ~ % ls
QQ $ git status
scp x QQ@10.0.0.4:/tmp
mail QQ@example.com now
USER=QQ
export LOGNAME=QQ
rhost=1.2.3.4 user=QQ
docker run -e USER=QQ image
"user": "QQ"
"userName":"QQ",
{\"login\": \"QQ\"}
{\\\"owner\\\": \\\"QQ\\\"}
owner: QQ
User: QQ
Login: QQ        \t\tName: x
acct="QQ" exe=
--user=QQ x
sudo --user=QQ ls
uid=1000(QQ) gid=1000(QQ) groups=1000(QQ),27(sudo),999(docker)
# TODO(QQ): later
CRON[123]: (QQ) CMD (ls)
^ab12cd34 (QQ 2024-05-05 12:00:00 +0200 12) code
ab12cd34 src/x.py (QQ      2024-05-05 12:00:00 +0200 12) code
Access: (0644/-rw-r--r--)  Uid: ( 1000/    QQ)   Gid: ( 1000/    QQ)
session opened for user root(uid=0) by QQ(uid=1000)
drwxr-xr-x  2 QQ QQ 4096 May  5 12:11 src
-rw-r--r--@ 1 QQ  staff   42 Feb  1 14:22 x
-rw-rw-r--. 1 root QQ 42 Feb  1 14:22 x
   1234      4 -rw-r--r--   1 QQ  QQ   42 May  5 12:11 ./x
-rw-r--r-- QQ/QQ 123 2024-05-05 12:11 a/b
.rw-r--r-- 1.2k QQ  5 May 12:00 file
"output":"total 8\ndrwxr-xr-x 2 QQ QQ 4096 Oct 27 .\n
QQ    1234  0.0  0.1  12345  678 pts/0 Ss 12:11 0:00 bash
QQ    1234     1  0 12:11 ?  00:00:01 bash
 1234 QQ      20   0  123456   7890   1234 S   0.3  0.1   0:00.12 bash
node    1234 QQ   20u  IPv4 0x1 0t0 TCP *:3000 (LISTEN)
QQ     pts/0        2024-05-05 12:11 (10.0.0.2)
QQ:x:1000:1000:Someone,,,:/home/QQ:/bin/bash
docker:x:999:bob,QQ
QQ:100000:65536
*/5 * * * * QQ /usr/bin/x
r123 | QQ | 2024-05-05 12:11:10 +0200 | 1 line
    12\tQQ
QQ ALL=(ALL:ALL) NOPASSWD: ALL
QQ is not in the sudoers file.
QQ:$apr1$xyz$abcdefgh
Accepted publickey for QQ from 10.0.0.2 port 22
[sudo] password for QQ: 
session opened for user QQ by (uid=0)
Logged in to github.com account QQ (keyring)
Hi QQ! You've successfully authenticated
useradd: user 'QQ' already exists
sudo:     QQ : TTY=pts/0 ; PWD=/x
su - QQ
su QQ -c ls
sudo -u QQ ls
sudo -H -u QQ bash
chown QQ x
chown -R QQ:QQ /srv
chown root:QQ /srv
chgrp QQ x
usermod -aG docker QQ
sudo adduser QQ
passwd QQ
crontab -u QQ -l
ps -u QQ
getent passwd QQ
$ id QQ
git config --global user.name "QQ"
user.name=QQ
[user]\n\tname = QQ\n\temail = x
USER QQ
$ whoami\nQQ\n
$ whoami && pwd\nQQ\n/srv
{"command":"whoami"} -> {"output":"QQ\n"}
Author: QQ <x@corp.com>
Signed-off-by: QQ <x@corp.com>
Co-authored-by: QQ <x@corp.com>
@author QQ
"author": {"name": "QQ", "email": "x"}
"author": "QQ"
On branch QQ/fix-the-thing
origin/QQ/fix-the-thing
\u001b[32mQQ@thinkpad\u001b[0m:\u001b[34m~\u001b[0m$ ls
\x1b[01;32mQQ@thinkpad\x1b[00m:~$
Author: X \u003cQQ@corp.com\u003e
"""
HOST = r"""
alex@QQ:~/src$ ls
[alex@QQ src]$ ls
ssh alex@QQ
scp x alex@QQ:/tmp
root@QQ.local
ping QQ.fritz.box
QQ:src alex$ ls -la
HOSTNAME=QQ
COMPUTERNAME=QQ
hostname: QQ
Static hostname: QQ
"hostname": "QQ"
{\"host\": \"QQ\"}
Linux QQ 6.1.0-18-amd64 #1 SMP
Darwin QQ 23.1.0 Darwin Kernel
$ hostname\nQQ\n
127.0.1.1\tQQ
May  5 12:11:10 QQ sshd[123]: x
2024-05-05T12:11:10.123+02:00 QQ systemd[1]: x
ssh QQ
ssh -p 22 QQ ls
rsync -a x QQ:/srv
http://QQ:8888/tree
https://QQ/x
ssh: connect to host QQ port 22: x
\\QQ\share
QQ login: 
\u001b[32malex@QQ\u001b[0m:~$
"""
# Nothing here is a name, whoever is called `mark`.
WORDS = r"""
the mark is high, mark it
mark
data["mark"] = 1
f(user=mark)
create(name, owner=mark, x=1)
{ user: mark, owner: mark }
x.mark.y mark.py mark-down
https://github.com/mark/repo
github.com/mark
git@github.com:mark/repo.git
npm i mark@1.2.3 mark@latest
@mark thanks
https://api.github.com/users/mark
import mark
mark = 3
/tmp/mark/x /src/mark/y
mark: str = "x"
if mark % 2 == 0:
mark() and mark[0]
git checkout mark/file.py
-o mark sort -u mark
/home/mark-two/x /home/markus/x
user markers, marker@host
echo mark | wc
please mark the user: mark this as done
1. mark  2. mark
| mark | 12 |
<mark>x</mark>
class="mark"
by mark on
marks (mark)
self.user = mark.user
"""


REDACTOR = Redactor()


def lines(table: str) -> list[str]:
    return [line.replace(r"\t", "\t") for line in table.split("\n") if line]


def nested(line: str) -> list[str]:
    """A line plain, as output in JSON, and as output of a tool whose call is JSON in JSON."""
    if line.startswith(("$ ", "[user]")):
        line = line.replace(r"\n", "\n")
    once = json.dumps({"output": line + "\n"}, ensure_ascii=False)
    return [
        line,
        once,
        json.dumps(json.dumps({"output": ["a\n" + line + "\nb"]}, ensure_ascii=False), ensure_ascii=False),
    ]


def places(text: str, name: str) -> tuple[str, list[tuple[int, int]]]:
    """A text with the name for each QQ, and where it stands then."""
    parts = text.split("QQ")
    spots = []
    at = 0
    for part in parts[:-1]:
        at += len(part)
        spots.append((at, at + len(name)))
        at += len(name)
    return name.join(parts), spots


def found(finder: Positions, text: str, field: str = "") -> list[str]:
    return [text[one.start : one.end] for one in finder.find(text, field)]


@pytest.mark.parametrize("line", lines(USER))
@pytest.mark.parametrize("name", ["mark", "j.d-oe", "j\u00fcrgen"])
def test_a_user_is_found_where_users_stand(line, name):
    if "-home-" in line or "-Users-" in line:
        name = name if name.isascii() else "mark"  # the dashed form has a test of its own
    finder = Positions([Name(name, "user")])
    for text in nested(line):
        text, spots = places(text, name)
        assert [(one.start, one.end) for one in finder.find(text)] == spots, text
        assert {(one.type, one.rule) for one in finder.find(text)} == {("USER", "known-user")}


@pytest.mark.parametrize("line", lines(HOST))
def test_a_host_is_found_where_hosts_stand(line):
    finder = Positions([Name("mybox", "host")])
    for text in nested(line):
        text, spots = places(text, "mybox")
        assert [(one.start, one.end) for one in finder.find(text)] == spots, text
        assert {(one.type, one.rule) for one in finder.find(text)} == {("HOST", "known-host")}


@pytest.mark.parametrize("line", lines(WORDS))
def test_a_name_that_is_a_word_stays_where_words_stand(line):
    finder = Positions([Name("mark", "user"), Name("mark", "host"), Name("mark", "person")])
    for text in nested(line):
        assert found(finder, text) == []


def test_a_field_of_json_says_that_its_value_is_a_name():
    finder = Positions([Name("mark", "user"), Name("mybox", "host")])
    assert found(finder, "mark", "user") == ["mark"]
    assert found(finder, "mark", "ownerName") == [] == found(finder, "mark", "kind")
    assert found(finder, "mybox", "hostname") == ["mybox"]
    assert found(finder, "mark it", "user") == []
    clean, _ = Redactor(known=Known((), (Name("mark", "user"),))).redact({"user": "mark", "verb": "mark"})
    assert clean == {"user": "user1", "verb": "mark"}


def test_windows_capitalises_names_and_folders_of_agents_have_dashes():
    finder = Positions([Name("mark", "user"), Name("j.d_oe", "user"), Name("j\u00fcrgen", "user")])
    assert found(finder, r"C:\Users\Mark\x and CORP\Mark; Mark said") == ["Mark", "Mark"]
    assert found(finder, "projects/-home-j-d-oe-src j-d-oe") == ["j-d-oe"]
    assert found(finder, "projects/-home-j-rgen-src j-rgen") == ["j-rgen"]


def test_names_beyond_ascii_are_known_in_every_form():
    finder = Positions([Name("j\u00fcrgen", "user"), Name("J\u00f6rg M\u00fcller", "person")])
    for text in (
        "/home/j\u00fcrgen/x",
        "/home/ju\u0308rgen/x",
        "file:///home/j%C3%BCrgen/x",
        r'{"a": "/home/j\u00fcrgen/x"}',
        r"{\"a\": \"/home/j\\u00fcrgen/x\"}",
        r"J\u00f6rg M\u00fcller",
        "J\u00f6rg M\u00fcller",
    ):
        assert len(found(finder, text)) == 1, text
    assert found(finder, "\u4f60j\u00fcrgen j\u00fcrgens j\u00fcrgen") == []


def test_ps_cuts_long_names():
    finder = Positions([Name("johnathandoe", "user")])
    assert found(finder, "johnath+  1234  0.0  0.1  1 2 ? S 1:00 0:00 x") == ["johnath+"]
    assert found(finder, "johnath+ and") == []


@pytest.mark.parametrize("name", ["tjohnson", "mhill1987", "john.doe", "xq-kowalik", "DESKTOP-AB12CD3"])
def test_a_long_and_unusual_name_is_replaced_wherever_it_stands(name):
    assert unusual(name)
    finder = Positions([Name(name, "user")])
    for text in (f"ask {name}.", f"github.com/{name}/x", f"backup_{name}_2.tgz", json.dumps(f"a\n{name}\n")):
        assert found(finder, text) == [name], text
    assert found(finder, f"{name}s x{name} {name}1") == []


@pytest.mark.parametrize(
    "name",
    [
        "mark",
        "alexander",
        "developer",
        "project1",
        "python3",
        "build-agent",
        "postgresql",
        "web-01",
        "1234567",
    ],
)
def test_a_short_or_usual_name_is_not(name):
    assert not unusual(name)
    assert found(Positions([Name(name, "user"), Name(name, "host")]), f"ask {name} or {name}.") == []


@pytest.mark.parametrize(
    "name", ["localhost", "ubuntu", "runner", "3f2a9c81d2e4", "ip-10-0-0-12", "vm", "laptop", "host1"]
)
def test_a_host_that_is_called_like_many_is_no_name(name):
    text = f"alex@{name}:~$ HOSTNAME={name}"
    assert found(Positions([Name(name, "host")]), text) == []
    if name != "host1":
        assert found(Positions([Name(name, "host", True)]), text) == [name, name]


def test_the_user_of_a_home_path_is_known_and_nobody_is_not():
    def text(user):
        return f"cd /home/{user}; ls -l\n-rw-r--r-- 1 {user} {user} 4 May  5 12:11 {user}.py\n"

    clean, counts = REDACTOR.redact({"a": [text("zoe"), "zoe@box", "zoe knows"]})
    assert clean == {"a": [text("user1").replace("user1.py", "zoe.py"), "user1@box", "zoe knows"]}
    assert counts == {"USER": 4}
    for user in ("root", "test", "dev", "ubuntu", "user", "user7", "x"):
        assert REDACTOR.redact({"a": text(user)})[0] == {"a": text(user)} or user == "x"
    assert list(names.user_names("user")) == list(names.user_names("7")) == list(names.user_names("a")) == []


def test_a_person_is_known_by_two_words_in_any_place():
    finder = Positions(
        [Name("Jane Q. Doering", "person"), Name("Li Na", "person"), Name("Test User", "person")]
    )
    for text in (
        "met Jane Q. Doering,",
        "JANE Q. DOERING",
        "jane.Q..doering",
        "Jane\nQ.  Doering",
        "Doering, Jane Q.",
    ):
        assert len(found(finder, text)) == 1, text
    assert found(finder, "Jane Q. Doeringer, Sjane Q. Doering") == []
    assert found(finder, "Li Na is short; a Test User") == []
    assert found(finder, "Author: Li Na <l@x.org>\nSigned-off-by: Li Na <l@x.org>") == ["Li Na", "Li Na"]
    one = Positions([Name("Zo\u00eb", "person")])
    assert found(one, 'Zo\u00eb said: "author": "Zo\u00eb" and user.name=Zo\u00eb') == [
        "Zo\u00eb",
        "Zo\u00eb",
    ]


def test_a_listed_name_is_replaced_anywhere_as_a_word():
    finder = Positions([Name("mark", "user", True), Name("box", "host", True), Name("Al B", "person", True)])
    assert found(finder, "mark the box, Al B; Mark, markers, boxes") == ["mark", "box", "Al B"]


def test_placeholders_are_no_names():
    finder = Positions([Name(text, "user", True) for text in ("PERSON", "REDACTED", "example", "TOKEN")])
    assert found(finder, "REDACTED_PERSON_1 user1@example.com REDACTED_TOKEN_2 TOKEN") == ["TOKEN"]


def test_redacting_twice_is_redacting_once():
    redactor = Redactor(
        known=Known(
            (("correct-horse-7", "PASSWORD"),),
            (Name("mark", "user"), Name("mybox", "host"), Name("Mark Doering", "person")),
        )
    )
    record = {
        "a": [places(text, "mark")[0] for text in lines(USER)],
        "b": "Mark Doering <mark@corp-mail.com>",
    }
    record["c"] = [places(text, "mybox")[0] for text in lines(HOST)] + ["correct-horse-7"]
    clean, counts = redactor.redact(record)
    assert redactor.redact(clean) == (clean, {})
    assert {"USER", "HOST", "PERSON", "EMAIL", "PASSWORD"} <= counts.keys()
    assert re.fullmatch(r"REDACTED_PERSON_1 <user\d@example\.com>", clean["b"])
    assert "mark" not in json.dumps(clean["a"]).replace("ramark", "")
    assert clean["c"][0].endswith("@host1:~/src$ ls")


@pytest.mark.parametrize("kind", ["user", "host", "person", "value"])
def test_a_kind_is_switched_off_by_its_rule(kind):
    everything = Known(
        (("correct-horse-7", "KNOWN"),), tuple(Name("Tj0hnson", kind) for kind in ("user", "host", "person"))
    )
    text = {"user": "/media/Tj0hnson/x", "host": "@Tj0hnson x", "person": "author: Tj0hnson"}.get(
        kind, "correct-horse-7"
    )
    only = Known(
        everything.values if kind == "value" else (),
        tuple(name for name in everything.names if name.kind == kind),
    )
    assert Redactor(known=only).find(text)
    assert not Redactor((f"known-{kind}",), known=only).find(text)


@pytest.mark.parametrize(
    "piece",
    [
        "mark ",
        "mark@",
        '"mark"',
        "/mark",
        r"\mark",
        "user: mark ",
        "drwx------ 2 mark ",
        "mybox ",
        "Jane ",
        "  mark  ",
    ],
)
def test_time_grows_with_the_length_alone(piece):
    finder = Positions([Name("mark", "user"), Name("mybox", "host"), Name("Jane Doering", "person")])

    def seconds(size):
        text = piece * (size // len(piece))
        best = 9.0
        for _ in range(2):
            start = time.process_time()
            finder.find(text)
            best = min(best, time.process_time() - start)
        return best

    seconds(1000)  # patterns are compiled when they are first met
    assert seconds(40_000) < 3.2 * seconds(20_000) + 0.02


def test_a_text_without_the_names_costs_little():
    finder = Positions([Name("zaphod", "user"), Name("kepler9x", "host"), Name("Jane Doering", "person")])
    text = "def walk(value, each):\n    return [each(item) for item in value]\n" * 15000
    start = time.process_time()
    assert finder.find(text) == ()
    assert time.process_time() - start < 0.5
    many = Positions([Name(f"zaphod{number}q", "user") for number in range(2000)])
    start = time.process_time()
    assert many.find(text) == ()
    assert time.process_time() - start < 2


# --- files ------------------------------------------------------------------------------------------


def write(tmp_path, data):
    path = tmp_path / "known"
    path.write_bytes(data)
    return str(path)


def test_a_file_holds_a_value_a_line(tmp_path):
    data = b"\xef\xbb\xbffirst one\r\n\n   \n lead\nSECRET\ta\tb\n"
    data += b"USER\tmark\nHOST\tbox\nPERSON\tAl B\nfirst one\n"
    assert known.read(write(tmp_path, data)) == Known(
        (("first one", "KNOWN"), (" lead", "KNOWN"), ("a\tb", "SECRET")),
        (Name("mark", "user", True), Name("box", "host", True), Name("Al B", "person", True)),
    )
    assert known.read(write(tmp_path, b"")) == NOTHING


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"good one\nzq\n", 2, "3 characters"),
        (b"good one\n\n  z  \n", 3, "3 characters"),
        (b"zqzq\xff\n", 1, "UTF-8"),
        (b"zq\0zq\n", 1, "NUL"),
        (b"secret\tzqzq\n", 1, "no type"),
        (b"A zq\tzqzq\n", 1, "no type"),
        (b"REDACTED_ZQ_1\n", 1, "placeholder"),
        (b"USER\tuser7\n", 1, "placeholder"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_its_values(tmp_path, data, line, what):
    path = write(tmp_path, data)
    with pytest.raises(BadKnown, match=what) as caught:
        known.read(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "zq" not in str(caught.value).removeprefix(path).lower()
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_file_of_any_size_is_not_read(tmp_path):
    with pytest.raises(BadKnown, match="MiB"):
        known.read(write(tmp_path, b"abcd\n" * (1 << 20)))
    with pytest.raises(OSError):
        known.read(str(tmp_path / "none"))


def test_no_representation_shows_a_value():
    name = Name("zqzqzq", "user", True)
    both = Known((("zqzqzq", "KNOWN"),), (name,))
    for shown in (
        repr(name),
        str(name),
        f"{name}",
        repr(both),
        str(both),
        repr([name]),
        repr(Positions([name])),
    ):
        assert "zq" not in shown
    assert repr(both) == "Known(1 values, 1 names)"


def test_known_things_are_joined_in_order():
    a = Known((("v1", "A"), ("v2", "A")), (Name("x", "user"), Name("y", "host")))
    b = Known((("v2", "B"), ("v3", "B")), (Name("x", "user", True),))
    assert known.joined(a, b) == Known(
        (("v1", "A"), ("v2", "A"), ("v3", "B")), (Name("x", "user", True), Name("y", "host"))
    )
    assert known.joined() == NOTHING


# --- the caller -------------------------------------------------------------------------------------


@pytest.fixture
def caller(tmp_path, monkeypatch):
    """of_caller() of an account that is made up, with this environment and git configuration."""
    home = tmp_path / "home" / "zaphod"
    home.mkdir(parents=True)
    account = ["zaphod", str(home), "Zaphod Beeblebrox"]
    monkeypatch.setattr(known, "_account", lambda: tuple(account))
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="kepler9.corp.lan"))

    def of(environ=None, config=""):
        (home / ".gitconfig").write_text(config)
        return known.of_caller(environ or {}, str(home))

    of.home, of.account = home, account
    return of


def test_the_caller_is_known_by_account_host_and_git(caller):
    got = caller(
        {"SUDO_USER": "trillian", "USER": "zaphod"}, "[user]\n name = Zaphod B.\n email = zb@corp-mail.com\n"
    )
    assert set(got.names) == {
        Name("zaphod", "user"),
        Name("trillian", "user"),
        Name("zb", "user"),
        Name("kepler9.corp.lan", "host"),
        Name("kepler9", "host"),
        Name("Zaphod Beeblebrox", "person"),
        Name("Zaphod B.", "person"),
    }
    assert got.values == (("zb@corp-mail.com", "EMAIL"),)
    assert caller({"GIT_AUTHOR_NAME": "Ford P", "GIT_COMMITTER_EMAIL": "1+fp@corp-mail.com"}).names[1:2] == (
        Name("fp", "user"),
    )


@pytest.mark.parametrize("name", ["root", "test", "dev", "ubuntu", "runner"])
def test_accounts_that_are_nobodys_are_not(caller, name):
    caller.account[:] = [name, f"/home/{name}", name]
    got = caller({"USER": name}, f"[user]\nname = {name}\nemail = {name}@example.com")
    assert {one.text for one in got.names} == {"zaphod", "kepler9.corp.lan", "kepler9"}
    assert got.values == ()


def test_secrets_of_the_environment_are_known_by_the_names_of_their_variables(caller):
    secret = "aB3" + "dEf9" + "hJk2"
    environ = {
        "DB_PASSWORD": secret + "1",
        "MY_TOKEN": secret + "2",
        "STRIPE_API_KEY": secret + "3",
        "JWT_SECRET": secret + "4",
        "DATABASE_URL": f"postgres://app:{secret}5@db/x",
    }
    assert dict(caller(environ).values) == {
        secret + "1": "PASSWORD",
        secret + "2": "TOKEN",
        secret + "3": "API_KEY",
        secret + "4": "SECRET",
        secret + "5": "PASSWORD",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME_PAGE", "aB3dEf9hJk2"),
        ("DB_PASSWORD", "aB3dEf9"),
        ("DB_PASSWORD", "lettersonly"),
        ("DB_PASSWORD", "1234567890"),
        ("DB_PASSWORD", "${OTHER_PASSWORD}"),
        ("DB_PASSWORD", "your-password-here"),
        ("DB_PASSWORD", "REDACTED_PASSWORD_1"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-agent/agent.1234"),
        ("GIT_ASKPASS", "/usr/lib/git-core/askpass-1"),
        ("TOKEN_URL", "https://corp-mail.com/oauth2/token"),
        ("API_TOKEN", "https://corp-mail.com/oauth2/token"),
        ("XDG_SESSION_ID", "0b1c2d3e-0000-4000-8000-00000000000a"),
        ("AUTH_SESSION", "0b1c2d3e-0000-4000-8000-00000000000a"),
        ("MAX_TOKENS", "aB3dEf9hJk2"),
    ],
)
def test_what_is_no_secret_of_the_environment(caller, name, value):
    assert caller({name: value}).values == ()


def test_git_configuration_is_read_as_git_reads_it(caller, tmp_path):
    (tmp_path / "work.inc").write_text('[user]\n\temail = work@corp-mail.com\n[include]\npath = "work.inc"\n')
    (caller.home / "rel.inc").write_text("[User]\r\n\tNAME = From Include\r\n")
    xdg = tmp_path / "xdg" / "git"
    xdg.mkdir(parents=True)
    (xdg / "config").write_text("[user] name = Same Line\n")
    got = caller(
        {"XDG_CONFIG_HOME": str(tmp_path / "xdg")},
        "# [user]\n; name = Not This\n[core]\n name = Nor This\n"
        '[user "x"]\n[user]\n\tname = "Arthur \\"D\\"; # Dent"  # comment\n'
        f'[includeIf "gitdir:~/w/"]\n path = {tmp_path}/work.inc\n'
        "[include]\n path = rel.inc\n path = ~/none\n"
        "[user]\n name = Long \\\n  Line\n signingkey\n",
    )
    people = [name.text for name in got.names if name.kind == "person"]
    assert people == ["Zaphod Beeblebrox", "Same Line", 'Arthur "D"; # Dent', "Long   Line", "From Include"]
    assert got.values == (("work@corp-mail.com", "EMAIL"),)


def test_a_chain_of_includes_ends(caller):
    for number in range(100):
        (caller.home / f"{number}").write_text(
            f"[include]\npath = {number + 1}\n[user]\nname = Person N{number}\n"
        )
    people = [name for name in caller({}, "[include]\npath = 0\npath = 0\n").names if name.kind == "person"]
    assert 10 < len(people) < 50


def test_a_pipe_or_a_folder_is_no_configuration(caller, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert len(caller({"GIT_CONFIG_GLOBAL": str(tmp_path / "pipe")}).names) == 4
    assert len(caller({"GIT_CONFIG_GLOBAL": str(tmp_path)}).names) == 4


def test_the_home_of_the_caller_is_his_own(tmp_path, monkeypatch):
    home = tmp_path / "me"
    home.mkdir()
    (tmp_path / "link").symlink_to(home)
    monkeypatch.setenv("HOME", str(home))
    assert known.is_own(str(home)) and known.is_own(str(tmp_path / "link")) and known.is_own(f"{home}/.")
    assert not known.is_own(str(tmp_path))
