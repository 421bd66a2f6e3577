"""A random value behind the name of a service, and what looks like one and is none."""

from __future__ import annotations

import random
import time

import pytest
from afs.redact import Redactor
from afs.redact.rules import joined, load
from afs.redact.search.scan import Scanner

SCANNER = Scanner(*load())
HEX, B62, NUMBER = joined(["<hex*32>"]), joined(["<b62*40>"]), joined(["1", "<dig*17>"])
UUID = joined(["<hex*8>", "-", "<hex*4>", "-4", "<hex*3>", "-8", "<hex*3>", "-", "<hex*12>"])


def left(text: str) -> str:
    """A text without what is found in it."""
    for one in reversed(SCANNER.find(text)):
        text = text[: one.start] + text[one.end :]
    return text


@pytest.mark.parametrize("value", [HEX, B62, UUID], ids=["hex", "b62", "uuid"])
@pytest.mark.parametrize(
    "form",
    [
        "ALGOLIA_APP=%s",
        "algolia = '%s'",
        '{"algolia": "%s"}',
        '{\\"algoliaApp\\": \\"%s\\"}',
        "algolia: %s",
        "algolia:\n  app: 1\nalgolia_app: |\n  %s",
        "<algoliaApp>%s</algoliaApp>",
        'public string AlgoliaApp { get; set; } = "%s";',
        "java -Dalgolia.app=%s -jar x",
        "algolia('%s')",
        'myAlgoliaId => "%s"',
        "export NEW_RELIC_ID=%s",
        "newRelicId: %s",
    ],
)
def test_a_value_behind_a_service_is_found_however_it_is_assigned(form, value):
    assert value not in left(form % value)


@pytest.mark.parametrize(
    "text",
    [
        f"uses: codecov/codecov-action@{HEX}12345678",
        f"SENTRY_RELEASE={HEX}",
        f"VERCEL_GIT_COMMIT_SHA={HEX}",
        f"datadog_trace_id: {HEX}",
        f"heroku build: {HEX}",
        f"stripe docker image: {HEX}",
        f'"AWS::Bedrock::Agent": "{HEX}"',
        f"the square of it: {HEX}",
        f"cloudflare {HEX}",
        f"algolia_index = {'products_by_price_2024'}",
        f"discord: {NUMBER}",
    ],
)
def test_a_digest_an_id_or_a_name_is_left_alone(text):
    assert left(text) == text


def test_an_ordinary_word_is_a_service_only_where_the_name_says_key():
    assert HEX not in left(f"render_webhook: {HEX}")
    assert HEX in left(f"render_output: {HEX}")


def test_a_number_is_a_key_only_where_the_name_says_so():
    assert NUMBER not in left(f"cloudinary_api = {NUMBER}")


@pytest.mark.parametrize("name", ["algolia_app", "algoliaApp", "NEW_RELIC_ID", "datadog"])
def test_a_field_of_a_record_is_named_by_its_service(name):
    redactor = Redactor()
    for value in (HEX, UUID):
        assert value not in str(redactor.redact({"x": {name: value}})[0])
    said = "the value of 2024 is all that we know"
    assert redactor.redact({name: said, f"{name}_trace_id": HEX, "ref": UUID})[1] == {}


def test_time_grows_with_the_length_alone():
    draw = random.Random(1)
    for part in ("algolia_", "algolia=", "key ", "a1", '\\"', "=", ": ", "::", f"algolia {HEX} "):
        text = part * (300_000 // len(part))
        start = time.process_time()
        SCANNER.find(text)
        assert time.process_time() - start < 6, part
    text = "".join(
        draw.choice(("algolia", "=", "\n", '"', "key", "1f", "_", " ", "{")) for _ in range(60_000)
    )
    start = time.process_time()
    SCANNER.find(text)
    assert time.process_time() - start < 6
