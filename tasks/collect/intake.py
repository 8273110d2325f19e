"""From raw text to a document or a reject: the same steps for every source."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.collect.benchmark import Benchmark, open_benchmark
from tasks.collect.boilerplate import boilerplate_edits
from tasks.collect.clean import accept, cut, normalise
from tasks.collect.language import detect
from tasks.collect.latex import convert as latex
from tasks.collect.markup import apply, nodes
from tasks.collect.mask import mask
from tasks.collect.source import Original
from tasks.collect.web_page import page_markdown
from tasks.config import CollectConfig
from tasks.markdown import parse
from tasks.records import Document, Reason, Reject, StageError, digest

MAX_BYTES = 2_000_000
# markup that is converted holds much that no reader sees
MAX_MARKUP_BYTES = 10_000_000
# deeper nesting is never prose, and every later stage walks the tree
MAX_DEPTH = 60


@dataclass(slots=True)
class Intake:
    """Collects documents and rejects; what has the text or the identity of an earlier document is a reject.

    `seen` maps digests of texts and identities of documents to how the document is called.
    """

    config: CollectConfig
    documents: list[Document] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    benchmark: Benchmark | None = field(init=False)

    def __post_init__(self) -> None:
        self.benchmark = open_benchmark(self.config.benchmark) if self.config.benchmark else None

    def reject(self, doc_id: str, reason: Reason, detail: str) -> None:
        self.rejects.append(Reject("collect", reason, doc_id, detail=detail))

    def take(self, item: Original | Reject) -> None:
        """Let one text in or reject it; a reject of the source's own stays one."""
        if isinstance(item, Reject):
            self.rejects.append(item)
        else:
            self._add(item)

    def _add(self, given: Original) -> None:
        doc_id, name, raw = given.doc_id, given.name, given.raw
        most = MAX_BYTES if given.format == "markdown" else MAX_MARKUP_BYTES
        if len(raw) > most:
            return self.reject(doc_id, Reason.TOO_LONG, f"{name}: {len(raw)} bytes; at most {most} are read")
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return self.reject(doc_id, Reason.UNREADABLE, f"{name}: UTF-16; save it as UTF-8")
        if b"\0" in raw:
            return self.reject(doc_id, Reason.NOT_MARKDOWN, f"{name}: binary content (a NUL byte)")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as e:
            return self.reject(doc_id, Reason.UNREADABLE, f"{name}: not UTF-8 at byte {e.start}")
        if given.format != "markdown":
            try:
                text = latex.to_markdown(text) if given.format == "latex" else page_markdown(text)
            except StageError as e:
                return self.reject(doc_id, Reason.CONVERSION, f"{name}: {e}")
            if len(text) > MAX_BYTES:
                return self.reject(doc_id, Reason.TOO_LONG, f"{name}: {len(text)} characters of Markdown")
        text = normalise(mask(text, self.config.mask))
        if edits := boilerplate_edits(text):
            text = normalise(apply(text, edits))
        if reason := accept(text, self.config):
            return self.reject(doc_id, reason, f"{name}: {len(text)} characters after cleaning")
        if (depth := max(d for _, d in nodes(parse(text)))) > MAX_DEPTH:
            return self.reject(doc_id, Reason.NOT_MARKDOWN, f"{name}: nested {depth} deep; at most {MAX_DEPTH}")
        keys = {digest(text, length=64): "text", doc_id: "document"}
        for key, what in keys.items():
            if first := self.seen.get(key):
                return self.reject(doc_id, Reason.DUPLICATE, f"{name}: the same {what} as {first}")
        language = detect(text)
        for wanted in ((given.language,) if given.language else (), self.config.languages):
            if wanted and language not in wanted:
                return self.reject(doc_id, Reason.WRONG_LANGUAGE, f"{name}: {language}; wanted {', '.join(wanted)}")
        if self.benchmark and (shared := self.benchmark.shared(text)):
            return self.reject(doc_id, Reason.BENCHMARK, f"{name}: {shared}")
        self.seen |= dict.fromkeys(keys, name)
        whole = len(text)
        if whole > self.config.max_chars:
            text = normalise(cut(text, self.config.max_chars))
            self.reject(doc_id, Reason.CUT, f"{name}: {whole - len(text)} of {whole} characters cut")
        self.documents.append(
            Document(
                doc_id=doc_id,
                markdown=text,
                language=language,
                source=given.source,
                url=given.url,
                revision=given.revision or digest(raw),
                license=given.license,
                attribution=given.attribution,
                family=given.family,
                evidence=given.evidence,
                retrieved=given.retrieved,
            )
        )
        return None
