"""Every sample of a run against the index of a benchmark, and what is told of what was found."""

from __future__ import annotations

from afs import jsonl, sample
from afs.curate import benchmark, brief, sketch
from afs.curate.contamination import ASKED, Index
from afs.messages import Stop, fail, reason_of, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from afs.curate.benchmark import Item
    from afs.curate.contamination import Match, Text
    from afs.run import Run

    # a line, its file and number, its id
    Sample = tuple[bytes, tuple[str, int], Any]

OFTEN = 0.05  # of the samples: an entry that more of them match is named
NAMED = 5
_BATCH = 1 << 18  # bytes that are searched at once
_PIECE = 1 << 20  # characters of a text that are held a second time


def texts_of(record: Mapping[str, Any]) -> list[Text]:
    """The texts of a sample with their fields, each once. Messages count with reasoning and calls.

    Raises TypeError, AttributeError or KeyError for a record that is no sample.
    """
    texts: list[Text] = []
    seen: set[str] = set()
    for field in ("instruction", "input", "output", "thinking"):
        if text := record.get(field):
            if type(text) is not str:
                raise TypeError(field)
            texts.append((field, text))
            seen.add(text)
    for message in record.get("messages") or ():
        said = [message["content"], message.get("reasoning_content")]
        for call in message.get("tool_calls") or ():
            # The arguments are JSON text: an escaped end of a line is none of its letters.
            said.append(call["function"]["arguments"].replace("\\n", " ").replace("\\t", " "))
        field = ASKED if message["role"] == "user" else "messages"
        for text in said:
            if text and text not in seen:
                if type(text) is not str:
                    raise TypeError(field)
                texts.append((field, text))
                seen.add(text)
    if not texts and "instruction" not in record and "messages" not in record:
        raise KeyError("instruction")
    return texts


def search(
    samples: Iterable[tuple[Any, list[Text]]], index: Index, threshold: float
) -> Iterator[tuple[Any, list[Match]]]:
    """(sample, what of the index stands in it) in order. Holds some samples and a batch of their texts."""
    held: list[tuple[Any, list[Text]]] = []
    hits: dict[int, list[tuple[str, int]]] = {}
    texts: list[bytes] = []
    owners: list[tuple[int, str]] = []
    size = 0
    for one, parts in samples:
        held.append((one, parts))
        for field, text in parts:
            for piece in _pieces(text):
                data = brief.plain(piece).encode("utf-8", "replace")
                texts.append(data)
                owners.append((len(held) - 1, field))
                size += len(data)
                if size > 4 * _BATCH:  # one sample of many pieces
                    _find(index, texts, owners, hits)
                    size = 0
        if size > _BATCH or len(held) == 1024:
            _find(index, texts, owners, hits)
            size = 0
            for number, (done, all_texts) in enumerate(held):
                yield done, index.matches(hits.get(number, []), all_texts, threshold)
            held.clear()
            hits.clear()
    _find(index, texts, owners, hits)
    for number, (done, all_texts) in enumerate(held):
        yield done, index.matches(hits.get(number, []), all_texts, threshold)


def _find(
    index: Index, texts: list[bytes], owners: list[tuple[int, str]], hits: dict[int, list[tuple[str, int]]]
) -> None:
    """Look a batch of texts up and note the hits of each sample. Empties the batch."""
    import numpy as np

    if texts:
        # No text holds "_", so the word between two of them is in no n-gram of the index.
        starts, words = sketch.words(b"\n_\n".join(texts))
        places, rows = index.lookup(words)
        if len(places):
            ends = np.cumsum([len(text) + 3 for text in texts])
            numbers = np.searchsorted(ends, starts[places], "right")
            pairs = np.unique(numbers << 32 | rows)
            for number, row in zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True):
                owner, field = owners[number]
                hits.setdefault(owner, []).append((field, row))
        texts.clear()
        owners.clear()


def _pieces(text: str) -> Iterator[str]:
    """A long text in pieces. Each begins some words before the end of the one before."""
    if len(text) <= _PIECE:
        yield text
        return
    start = 0
    while True:
        end = start + _PIECE
        if end >= len(text):
            yield text[start:]
            return
        while end > start + _PIECE // 2 and text[end].isalnum() and text[end].isascii():
            end -= 1
        yield text[start:end]
        start = max(start + _PIECE // 4, end - _PIECE // 8)


def samples(run: Run) -> Iterator[tuple[Sample, list[Text]]]:
    """The samples of a run with their texts. What is no sample is rejected."""
    for line, record in run.records():
        try:
            texts = texts_of(record)
        except (KeyError, TypeError, AttributeError):
            run.reject("not-sample", sample.check(record) or "its messages cannot be searched")
            continue
        yield (line, run.place(), record.get("sample_id")), texts


def load(run: Run, paths: Sequence[str], fields: Sequence[str], ngram: int) -> Index | None:
    """The index of reference files; None, after a look at all of them, where `ngram` is 0.

    Ends the run as wrongly used for a file that is not there or holds no text. A line that cannot be used
    is said and makes the status 1; so does a damaged file, and the run ends.
    """

    def wrong(text: str) -> None:
        run.fault(1, text)

    def read() -> Iterator[Item]:
        for path in paths:
            try:
                yield from benchmark.items(path, fields, wrong)
            except benchmark.Empty as error:
                fail(f"--against {error}")
            except OSError as error:
                fail(f"--against {path}: {reason_of(error)}")
            except jsonl.Corrupt as error:
                wrong(f"{path}: {error}; nothing is looked for")
                raise Stop(1) from None

    if ngram:
        return Index(read(), ngram)
    for _ in read():
        pass
    return None


def rows(index: Index, matches: Sequence[Match], place: tuple[str, int], name: Any) -> list[dict[str, Any]]:
    """What --matches says of a sample, the best match first."""
    made = []
    for match in sorted(matches, key=lambda match: (-match.coverage, match.entry)):
        item = index.origins[match.entry]
        index.found[match.entry] = index.found.get(match.entry, 0) + 1
        made.append({
            "file": show(item.path), "line": item.line, "id": item.name, "field": item.field,
            "same": index.twins[match.entry], "coverage": match.coverage, "ngram": index.sizes[match.entry],
            "words": index.words[match.entry], "sample_file": show(place[0]), "sample_line": place[1],
            "sample_id": name, "sample_fields": match.fields,
        })  # fmt: skip
    return made


def account(run: Run, index: Index, hits: int) -> None:
    """Say what was found: counts, what of each reference, and entries that too many samples match."""
    run.count["benchmark_texts"] = len(index.origins)
    run.extra["template_ngrams"] = index.template
    run.extra["texts_not_looked_for"] = index.unused
    run.extra["samples_matched"] = hits
    references: dict[str, dict[str, int]] = {}
    shown = {path: show(path) for path in dict.fromkeys(item.path for item in index.origins)}
    for entry, item in enumerate(index.origins):
        row = references.setdefault(shown[item.path], {"texts": 0, "matched": 0})
        row["texts"] += 1
        row["matched"] += entry in index.found
    run.extra["references"] = references
    often = [(number, entry) for entry, number in index.found.items() if number > max(2, OFTEN * run.read)]
    for number, entry in sorted(often, key=lambda row: (-row[0], row[1]))[:NAMED]:
        item = index.origins[entry]
        where = f"{item.path}:{item.line}: its {item.field}"
        run.warn(f"{where} is in {number} of {run.read} samples; is it an item?")
    if len(often) > NAMED:
        run.warn(f"so are {len(often) - NAMED} others; --matches FILE names them")
