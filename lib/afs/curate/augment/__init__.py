"""Variants of a sample: the same request in other words, with the same answer.

Rules know how requests in English open, and put them another way. What they do not know for certain they
leave alone: a sample without a variant costs nothing, one with a wrong instruction teaches a wrong answer.
"""

# ruff: noqa: SIM905

from __future__ import annotations

from afs import sample
from afs.curate.augment.forms import forms
from afs.curate.augment.request import KINDS, request_of
from afs.curate.language import language, plain
from afs.curate.split import group_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from afs.curate.augment.request import Request

__all__ = ["FLAG", "KINDS", "is_augmented", "reworded", "variants"]
FLAG = "augmented"
_SPAN = 2400
_SPACED = str.maketrans(dict.fromkeys(".,;:!?…", " "))
# Words of other languages that begin or fill a short sentence; none of them is English.
_FOREIGN = frozenset(
    (
        "el la los las un una unos de del en le les des du une et der den das ein eine einen dem und mit für"
        " il lo gli uno di het een og och ett å på o os um uma em por para con pour avec dans sur z w na"
    ).split()
)


def is_augmented(record: Mapping[str, Any]) -> bool:
    """Whether a sample is a variant already: it has the flag."""
    metadata = record.get("_metadata")
    flags = metadata.get("flags") if type(metadata) is dict else None
    return type(flags) is list and FLAG in flags


def reworded(text: str, most: int, seed: int, kinds: Collection[str] = KINDS) -> tuple[list[str], str]:
    """(up to `most`, from 1, other ways to put an instruction, its kind), or ([], why there are none).

    Why is one of: other (it opens with no request of a known kind), kind (none of `kinds`), language
    (not English), form (no other form is safe). XXH3 of seed and request decides which of the forms are
    taken, each from another family as long as there are some; fewer asked for are the first of more.
    """
    request = request_of(text)
    if request is None:
        return [], "other"
    if request.kind not in kinds:
        return [], "kind"
    if not _is_english(text, request.plain):
        return [], "language"
    seen = {_bare(request.head)}
    heads: list[str] = []
    for head in _shuffled(request, f"{seed}\0{request.head}"):
        if (bare := _bare(head)) not in seen:
            seen.add(bare)
            heads.append(head)
            if len(heads) == most:
                break
    return [head + text[len(request.head) :] for head in heads], request.kind if heads else "form"


def _is_english(text: str, sentence: str) -> bool:
    """Short texts tell no language: the verb they open with was English, and no word may be foreign."""
    known = language(plain(text[:_SPAN]))
    return known in ("", "en") and not (_FOREIGN & set(sentence.lower().split()))


def _bare(text: str) -> str:
    """The text without case, white space and the punctuation that ends or parts sentences."""
    return " ".join(text.translate(_SPACED).casefold().split())


def _shuffled(request: Request, salt: str) -> Iterator[str]:
    """All forms: one of each family in an order that chance gives, then the next of each."""
    from xxhash import xxh3_64_intdigest

    def chance(text: str) -> tuple[int, str]:
        return xxh3_64_intdigest(f"{salt}\0{text}".encode("utf-8", "surrogatepass")), text

    found: dict[str, list[str]] = {}
    for family, head in forms(request):
        found.setdefault(family, []).append(head)
    order = [sorted(found[family], key=chance) for family in sorted(found, key=chance)]
    for turn in range(max(map(len, order), default=0)):
        yield from (heads[turn] for heads in order if turn < len(heads))


def variants(
    record: Mapping[str, Any], most: int, seed: int, kinds: Collection[str] = KINDS
) -> tuple[list[dict[str, Any]], str]:
    """(up to `most` variants of a sample, its kind), or ([], why there are none: see reworded).

    Further reasons: augmented (it is a variant), messages (their first question is not the instruction).
    A variant differs in instruction, first message of the user, sample_id (hash of the parent's and the
    text) and _metadata: `flags` has one more, `parent_id` names the parent, and `group` is the one by which
    afs-split knows the parent. Raises jsonl.Bad for a record that afs-split could not place.
    """
    if is_augmented(record):
        return [], FLAG
    instruction = record["instruction"]
    texts, kind = reworded(instruction, most, seed, kinds)
    if not texts:
        return [], kind
    messages = record.get("messages")
    at = next((n for n, one in enumerate(messages or ()) if one["role"] == "user"), -1)
    if messages and (at < 0 or not messages[at]["content"].startswith(instruction)):
        return [], "messages"
    group = group_of(record)
    parent = record.get("sample_id") or f"{sample.content_key(record):032x}"
    return [_variant(record, parent, group, at, text) for text in texts], kind


def _variant(record: Mapping[str, Any], parent: str, group: str, at: int, text: str) -> dict[str, Any]:
    metadata = record.get("_metadata") or {}
    flags = metadata.get("flags")
    flags = flags if type(flags) is list else [] if flags is None else [flags]
    made = {
        **record,
        "sample_id": sample.sample_id("augment", parent, text),
        "instruction": text,
        "_metadata": {**metadata, "group": group, "flags": [*flags, FLAG], "parent_id": parent},
    }
    if record.get("messages"):
        made["messages"] = messages = list(record["messages"])
        said = text + messages[at]["content"][len(record["instruction"]) :]
        messages[at] = {**messages[at], "content": said}
    return made
