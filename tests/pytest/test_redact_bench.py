"""The redaction benchmark: what it makes is what it says, and its measure can fail."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[1] / "bench"
sys.path.append(str(BENCH))  # behind all else: no module there may hide one of ours

import redact_contexts  # noqa: E402
import redact_measure  # noqa: E402
import redact_peers  # noqa: E402
import redact_records  # noqa: E402
import redact_tables  # noqa: E402
import redact_values  # noqa: E402
from redact_kinds import kinds  # noqa: E402
from redact_records import Conversation, Label  # noqa: E402

SEEDS = range(200)


@pytest.fixture(scope="module")
def sets() -> list[Conversation]:
    return list(redact_records.conversations(7, 800))


def right(sets: list[Conversation], redact: redact_measure.Redact) -> dict[str, float]:
    """Percentages by group."""
    verdicts = redact_measure.measure(sets, redact)
    return {
        name: share.percent
        for name, share in redact_measure.shares(verdicts, lambda one: one.label.group).items()
    }


def one(text: str, planted: str, group: str = "secret") -> list[Conversation]:
    label = Label("x", group, planted, "form", "bare", 0, 0)
    return [Conversation([{"text": text}], [label])]


# --- what is made ---------------------------------------------------------------------------------------


def test_a_seed_makes_the_same_records_and_another_seed_others(sets: list[Conversation]) -> None:
    assert list(redact_records.conversations(7, 800)) == sets
    assert list(redact_records.conversations(8, 800)) != sets


def test_another_process_makes_the_same() -> None:
    made = "repr([*redact_records.conversations(3, 60)])"
    code = f"import redact_records, zlib; print(zlib.crc32({made}.encode()))"
    told = {
        subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=BENCH, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1 and told.pop().strip()


def test_there_are_kinds_enough_and_no_name_twice() -> None:
    names = [kind.name for kind in kinds()]
    assert len(set(names)) == len(names)
    by_group = {group: sum(kind.group == group for kind in kinds()) for group in redact_measure.GROUPS}
    assert by_group["secret"] >= 150
    assert by_group["pii"] >= 15
    assert by_group["decoy"] >= 60


def test_every_label_stands_in_its_record(sets: list[Conversation]) -> None:
    for conversation in sets:
        assert len({record["_metadata"]["group"] for record in conversation.records}) == 1
        for label in conversation.labels:
            text = "\n".join(redact_measure.strings(conversation.records[label.record]))
            for line in filter(None, label.planted.split("\n")):
                assert any(form in text for form in redact_measure.forms(line)), label


def test_every_kind_comes_and_every_depth_and_every_passage(sets: list[Conversation]) -> None:
    many = list(redact_records.conversations(5, 3000))
    labels = [label for conversation in many for label in conversation.labels]
    assert {label.kind for label in labels} == {kind.name for kind in kinds()}
    assert {label.depth for label in labels} == {0, 1, 2}
    assert {label.wrap for label in labels} >= set(redact_records.wraps.WRAPS) | {"argv"}
    styles = {label.style for label in labels}
    assert styles >= {
        "colour",
        "base64",
        "field",
        "again-plain",
        "again-percent",
        "again-base64",
        "free",
        "pem-no-end",
    }


def test_records_are_json_and_neighbours_of_one_conversation(sets: list[Conversation]) -> None:
    records = [record for conversation in sets for record in conversation.records]
    assert json.loads(json.dumps(records)) == records
    assert all(
        label.record < len(conversation.records) for conversation in sets for label in conversation.labels
    )


def test_a_user_name_is_shown_by_a_home_path_of_its_conversation() -> None:
    labels = 0
    for conversation in redact_records.conversations(11, 1500):
        for label in conversation.labels:
            if label.kind.startswith("user-"):
                others = [record for at, record in enumerate(conversation.records) if at != label.record]
                text = "\n".join(string for record in others for string in redact_measure.strings(record))
                assert re.search(rf"(?:home|Users)[/\\]+{re.escape(label.planted)}", text)
                labels += 1
    assert labels > 10


def test_no_part_of_a_template_is_left_unfilled() -> None:
    for kind in kinds():
        block = kind.make(random.Random(kind.name))
        assert not re.search(r"<[A-Za-z0-9]+\*[0-9-]+>|\{v\}|\{n\}", block.text), (kind.name, block.text)


def test_the_tables_hold_no_value_that_a_scanner_would_take() -> None:
    for table in BENCH.glob("redact_*.txt"):
        text = table.read_text(encoding="utf-8")
        assert not re.search(r"(?:ghp_|glpat-|xox[bp]-|sk_live_|AKIA|AIza|hf_)[A-Za-z0-9]{10}", text), (
            table.name
        )


# --- checksums ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_published_numbers_pass_the_checks_that_made_up_ones_pass(seed: int) -> None:
    chance = random.Random(seed)
    assert redact_values.luhn("4111" + "1" * 12) and not redact_values.luhn("4111" + "1" * 11 + "2")
    assert redact_values.luhn(redact_values.card(chance))
    assert redact_values.mod97("GB82WEST12345698765432") == 1  # the example of ISO 13616
    assert redact_values.mod97(redact_values.iban(chance).replace(" ", "")) == 1


def test_cards_of_every_length_are_valid() -> None:
    made = [re.sub(r"[ -]", "", redact_values.card_shown(random.Random(seed))) for seed in SEEDS]
    assert all(redact_values.luhn(number) for number in made)
    assert {len(number) for number in made} == {14, 15, 16}


def test_phrases_hold_their_checksum() -> None:
    words = redact_values.wordlist()
    assert len(words) == len(set(words)) == 2048 and words == sorted(words)
    lengths = set()
    for seed in SEEDS:
        phrase = redact_values.phrase(random.Random(seed)).split()
        bits = "".join(f"{words.index(word):011b}" for word in phrase)
        size = len(bits) * 32 // 33
        entropy = int(bits[:size], 2).to_bytes(size // 8, "big")
        digest = redact_values.hashlib.sha256(entropy).digest()
        assert bits[size:] == f"{digest[0]:08b}"[: size // 32]
        lengths.add(len(phrase))
    assert lengths == {12, 15, 18, 21, 24}


def test_a_token_ends_in_the_checksum_of_its_body() -> None:
    made = redact_values.fill(random.Random(1), "ghp_<b62*30><crc62>")
    body, check = made[4:34], made[34:]
    number = 0
    for character in check:
        number = number * 62 + redact_values.B62.index(character)
    assert len(check) == 6 and number == zlib.crc32(body.encode())


def test_a_json_web_token_says_its_algorithm() -> None:
    head = redact_values.jwt(random.Random(4)).split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["typ"] == "JWT"


def test_addresses_are_nobody_s_private_ones() -> None:
    import ipaddress

    for seed in SEEDS:
        chance = random.Random(seed)
        assert ipaddress.ip_address(redact_values.ipv4(chance)).is_global
        assert ipaddress.ip_address(redact_values.ipv6(chance)).is_global


def test_the_core_of_base64_is_what_the_value_alone_decides() -> None:
    for before in ("", "a", "ab", "abc"):
        inner = redact_contexts.core(before, "secretvalue123")
        for after in ("", "x", "yz"):
            whole = base64.b64encode(f"{before}secretvalue123{after}".encode()).decode()
            assert inner in whole and len(inner) >= 12


# --- the measure ----------------------------------------------------------------------------------------


def test_who_changes_nothing_finds_nothing_and_loses_nothing(sets: list[Conversation]) -> None:
    assert right(sets, lambda records: records) == {"secret": 0.0, "pii": 0.0, "decoy": 100.0}


def test_who_wipes_all_finds_all_and_loses_every_decoy(sets: list[Conversation]) -> None:
    def wipe(records: list[Any]) -> list[Any]:
        return [{"text": "wiped"} for _ in records]

    assert right(sets, wipe) == {"secret": 100.0, "pii": 100.0, "decoy": 0.0}


def test_who_takes_the_planted_text_alone_is_perfect(sets: list[Conversation]) -> None:
    def exact(records: list[Any]) -> list[Any]:
        conversation = next(some for some in sets if some.records is records)
        out = []
        for at, record in enumerate(records):
            text = json.dumps(record)
            for label in conversation.labels:
                if label.record == at and label.group != "decoy":
                    for line in sorted(redact_measure.forms(label.planted), key=len, reverse=True):
                        text = text.replace(json.dumps(line)[1:-1], "X")
            out.append(json.loads(text))
        return out

    assert right(sets, exact) == {"secret": 100.0, "pii": 100.0, "decoy": 100.0}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("token X", True),
        ("token abcdefgh", False),  # eight of its characters in a row
        ("token abcdefg9 hijk", True),
        ("token 34567890", False),
        ('{"a": "abcdefgh"}', False),
    ],
)
def test_eight_characters_in_a_row_that_are_left_are_a_miss(text: str, found: bool) -> None:
    secret = "abcdefghijk1234567890"
    (verdict,) = redact_measure.measure(one(f"token {secret}", secret), lambda _: [{"text": text}])
    assert verdict.right is found
    assert verdict.left in secret and bool(verdict.left) is not found


def test_what_is_left_in_escapes_is_left() -> None:
    secret = 'quo"ted\\pass'
    nested = json.dumps({"a": json.dumps({"b": secret})})
    (verdict,) = redact_measure.measure(one(nested, secret), lambda records: records)
    assert not verdict.right


def test_characters_that_the_record_holds_elsewhere_too_do_not_count() -> None:
    sets = one("the password is password77!", "password77!")
    (verdict,) = redact_measure.measure(sets, lambda _: [{"text": "the password is X"}])
    assert verdict.right
    (verdict,) = redact_measure.measure(sets, lambda _: [{"text": "the password is Xsword77!"}])
    assert not verdict.right


def test_a_short_value_is_missed_when_it_is_left_itself() -> None:
    sets = one("user qzx here", "qzx", "pii")
    assert not next(iter(redact_measure.measure(sets, lambda records: records))).right
    assert next(iter(redact_measure.measure(sets, lambda _: [{"text": "user u1 here"}]))).right


def test_a_decoy_is_lost_when_any_of_it_is_altered() -> None:
    sets = one("id a1b2c3\nend", "id a1b2c3", "decoy")
    assert next(iter(redact_measure.measure(sets, lambda records: records))).right
    assert not next(iter(redact_measure.measure(sets, lambda _: [{"text": "id a1bXc3\nend"}]))).right


def test_kinds_are_whole_when_none_of_theirs_was_missed() -> None:
    labels = [Label(kind, "secret", "v", "form", "bare", 0, 0) for kind in ("a", "a", "b")]
    verdicts = [
        redact_measure.Verdict(label, good, "", 0)
        for label, good in zip(labels, (True, False, True), strict=True)
    ]
    assert redact_measure.whole_kinds(verdicts) == redact_measure.Share(1, 2)
    assert list(redact_measure.shares(verdicts, lambda verdict: verdict.label.kind)) == ["a", "b"]


# --- the program ----------------------------------------------------------------------------------------


def run(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key[:8] not in ("AFS_PEER", "AFS_TEST")}
    argv = [sys.executable, "-B", str(BENCH / "bench_redact.py"), *options]
    return subprocess.run(argv, env={**environment, **variables}, capture_output=True, text=True)


def test_a_small_run_prints_its_tables_and_writes_its_figures(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    data = tmp_path / "data"
    data.mkdir()
    options = f"--seed 7 --records 60 --size 0.05 --repeat 1 --kinds 2 --misses 1 --dir {data} --json {path}"
    done = run(*options.split())
    assert done.returncode in (0, 3), done.stderr
    assert done.stdout.startswith("seed 7: 60 records")
    for title in ("kind, worst first", "written as", "passed through", "JSON in JSON", "decoy, worst first"):
        assert title in done.stdout
    figures = json.loads(path.read_text())
    assert figures["seed"] == 7 and figures["peers"] == {}
    assert 0 <= figures["figures"]["secrets found %"] <= 100
    assert figures["figures"]["untouched lines not as they were"] == 0
    assert figures["figures"]["MB a CPU second"] > 0
    assert not list(data.iterdir())


def test_real_logs_are_timed_where_a_folder_of_them_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "hello"}\nnot json\n')
    options = ("--seed", "7", "--records", "5", "--size", "0.01", "--repeat", "1", "--no-peers")
    assert "on real logs" in run(*options, AFS_TEST_HOME=str(tmp_path)).stdout
    assert "on real logs" not in run(*options).stdout


def test_a_fresh_seed_is_printed() -> None:
    seeds = {run("--records", "5", "--no-speed", "--no-peers").stdout.split(":")[0] for _ in range(2)}
    assert len(seeds) == 2


def test_misses_of_one_kind_alone_can_be_asked_for() -> None:
    done = run(
        "--seed", "7", "--records", "5", "--no-speed", "--no-peers", "--misses", "50", "--of", "no-such-kind"
    )
    assert " left '" not in done.stdout and " altered" not in done.stdout


# --- peers ----------------------------------------------------------------------------------------------


def test_what_a_peer_reports_is_replaced_in_the_whole_conversation() -> None:
    records = [{"text": "key QWERTY123 here"}, {"say": ["again QWERTY123", 7], "esc": "a\nQWERTY123"}]
    conversation = Conversation(records, [Label("x", "secret", "QWERTY123", "form", "bare", 0, 1)])

    def scan(texts: list[str]) -> tuple[list[list[str]], float]:
        return [["QWERTY123"] if "key" in text else [] for text in texts], 0.5

    figures = redact_peers.run(scan, [conversation], ["clean", "a key"], lambda text: False)
    assert figures.redacted == [[{"text": "key XXX here"}, {"say": ["again XXX", 7], "esc": "a\nXXX"}]]
    assert figures.false == pytest.approx(1e5)
    assert figures.speed == pytest.approx(2e-5)


def test_a_multi_line_report_is_replaced_in_its_escaped_form_too() -> None:
    record = {"text": json.dumps({"a": "one\ntwo"})}
    assert redact_peers._without(record, {"one\\ntwo"}) == {"text": '{"a": "XXX"}'}


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("gitleaks", [{"File": "/t/0.txt", "Secret": "abcdefgh"}]),
        ("betterleaks", {"findings": [{"location": {"path": "/t/0.txt"}, "match": {"value": "abcdefgh"}}]}),
        ("kingfisher", {"findings": [{"finding": {"path": "/t/0.txt", "snippet": "abcdefgh"}}]}),
        ("credsweeper", [{"line_data_list": [{"path": "/t/0.txt", "value": "abcdefgh"}]}]),
    ],
)
def test_the_report_of_each_program_is_read(name: str, report: object, tmp_path: Path) -> None:
    program = tmp_path / name
    text = json.dumps(report)
    program.write_text(
        f"#!{sys.executable}\nimport re, sys\npath = re.search(r'\\S+report.json', ' '.join(sys.argv))[0]\n"
        f"open(path, 'w').write({text!r})\n"
    )
    program.chmod(0o755)
    secrets, seconds = redact_peers._program(name, str(program))(["some abcdefgh", "none"])
    assert secrets == [["abcdefgh"], []]
    assert seconds > 0


def test_a_peer_that_fails_is_said_to_fail(tmp_path: Path) -> None:
    program = tmp_path / "gitleaks"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    with pytest.raises(OSError, match="gitleaks: status 9"):
        redact_peers._program("gitleaks", str(program))(["x"])


def test_a_peer_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    program = tmp_path / "gitleaks"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    done = run("--seed", "7", "--records", "5", "--size", "0.01", "--repeat", "1", AFS_PEER_BIN=str(tmp_path))
    assert "could not be run: gitleaks: status 9" in done.stdout and not done.stderr


def test_peers_are_found_in_the_folders_named_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "kingfisher"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("AFS_PEER_PYTHON", raising=False)
    monkeypatch.setenv("AFS_PEER_BIN", "")
    assert redact_peers.found() == {}
    monkeypatch.setenv("AFS_PEER_BIN", str(tmp_path))
    assert set(redact_peers.found()) == {"kingfisher"}


def test_tables_are_read_as_they_say() -> None:
    styles = redact_tables.styles()
    assert any("\n" in style.statement for style in styles)
    assert all(style.how in ("shell", "json", "raw", "double", "plain", "url", "xml") for style in styles)
    assert all(form.ways for name in ("forms", "people", "decoys") for form in redact_tables.forms(name))
    assert all(token.names for token in redact_tables.tokens())
