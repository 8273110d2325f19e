"""Records harvested by OAI-PMH 2.0 (Lagoze, Van de Sompel, Nelson and Warner, 2002), however many answers they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from lxml import etree

from tasks.collect.fetch import FetchError

MOST_ANSWERS = 100  # of one list; arXiv's hold 3,500 records each
_OAI = "{http://www.openarchives.org/OAI/2.0/}"


@dataclass(frozen=True, slots=True)
class Record:
    """`metadata` is an element in the format that was asked for; a record that was deleted has none (section 2.5.1)."""

    identifier: str
    metadata: Any | None


def records(client: httpx.Client, address: str, **asked: str) -> Iterator[Record]:
    """Every record of a list (`metadataPrefix`, `set`, `from_`, `until`), answer by answer (section 3.5).

    A resumption token that expired under way starts the list anew, once: some records then come twice.
    Raises FetchError where the service does, reports an error of the protocol, or gives a list without end.
    """
    first = {"verb": "ListRecords", **{name.rstrip("_"): value for name, value in asked.items()}}
    query, tokens, anew = first, set[str](), False
    while True:
        root = parse_xml(client.get(address, params=query).content)
        if (error := root.find(f"{_OAI}error")) is not None:
            code = error.get("code", "?")
            if code == "noRecordsMatch":
                return
            if code == "badResumptionToken" and query is not first and not anew:
                query, anew = first, True
                tokens.clear()
                continue
            raise FetchError(address, f"OAI-PMH error {code}: {' '.join((error.text or '').split())}"[:300])
        for element in root.iter(f"{_OAI}record"):
            header, metadata = element.find(f"{_OAI}header"), element.find(f"{_OAI}metadata")
            deleted = header.get("status") == "deleted" or metadata is None
            yield Record(header.findtext(f"{_OAI}identifier").strip(), None if deleted else metadata[0])
        token = (root.findtext(f".//{_OAI}resumptionToken") or "").strip()
        if not token:
            return
        if token in tokens or len(tokens) >= MOST_ANSWERS:
            raise FetchError(address, "the list of records has no end")
        tokens.add(token)
        query = {"verb": "ListRecords", "resumptionToken": token}


def problem(response: httpx.Response) -> str:
    """What is wrong with an answer that should be OAI-PMH, if anything. An error of the protocol is an answer."""
    try:
        root = parse_xml(response.content)
    except etree.XMLSyntaxError as e:
        return f"no XML: {e}"
    return "" if root.tag == f"{_OAI}OAI-PMH" and len(root) else "no OAI-PMH"


def parse_xml(content: bytes) -> Any:
    """The root element. Nothing is fetched, and no entity is put in. Raises XMLSyntaxError."""
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
