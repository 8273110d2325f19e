"""The browser of a dataset: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.dataset.browse.choice import Place, survey
from tasks.dataset.browse.views import CONTEXT, WHOLE, page_views
from tasks.dataset.reading import dataset_folder, rows
from tasks.html.frame import environment, first_that_fit, inline
from tasks.html.text import plural, visible
from tasks.records import StageRef, UsageError
from tasks.store import DOCUMENTS_FILE, Folder, finished, home

MOST_PAGES = 200
_HERE = Path(__file__).parent


def browse(dataset: StageRef) -> str:
    """A published dataset as one HTML text: its numbers, and up to MOST_PAGES of its pages, each with its image, label
    and source. Everything that came from documents is escaped, a content security policy forbids all but the file's
    own script and style, and all of it can be read without the script. The same dataset gives the same bytes."""
    folder = dataset_folder(dataset.uri)
    found = survey(folder, MOST_PAGES)
    templates = environment(_HERE)
    template = templates.get_template("page.html.j2")
    views = page_views(folder, found.chosen)
    fitting = zip(views, first_that_fit(template.render(view=view) for view in views), strict=False)
    shown = sorted(fitting, key=lambda item: (item[0].place.agreement, item[0].place.doc_id, item[0].place.page_num))
    places = [view.place for view, _ in shown]
    documents = _documents(folder)
    manifest = finished(folder) or {}
    splits = sorted({split for split, _, _ in found.pages}, reverse=True)
    by_split = [(split, sum(n for key, n in found.pages.items() if key[0] == split)) for split in splits]
    said = " and ".join(plural(n, f"{split} page", f"{split} pages") for split, n in by_split)
    return templates.get_template("dataset.html.j2").render(
        title=visible(str(manifest.get("config", {}).get("name") or "Dataset")),
        about=f"{said or 'No pages'} of {plural(documents.total(), 'document', 'documents')}.",
        repository=dataset.uri if folder.uri != dataset.uri else "",
        content=str(manifest.get("content") or dataset.digest),
        stage=str(manifest.get("digest", "")),
        found=found,
        total=sum(found.pages.values()),
        splits=splits,
        groups=_groups(found.pages, documents, splits),
        licences=_licences(found.licences, documents),
        rejects=sorted(_rejects(folder).items()),
        views=[html for _, html in shown],
        cells=len({cell for place in places for cell in place.cells}),
        pictured=sum(view.image is not None for view, _ in shown),
        filters=_filters(places),
        context=CONTEXT,
        whole=WHOLE,
        **inline(_HERE / "browse.js", _HERE / "browse.css"),
    )


def write_browser(dataset: StageRef, out: str | None = None) -> str:
    """Write `browse(dataset)` to the file or URI `out`, by default one in the store; gives its path.

    Raises UsageError where `out` is a folder.
    """
    path = out or f"{home()}/browse/{dataset.digest}.html"
    if path.endswith("/") or Path(path).is_dir():
        raise UsageError(f"{path}: a folder; name the HTML file")
    folder, slash, name = path.rpartition("/")
    Folder(folder + slash or ".").write(name, browse(dataset).encode())
    return path


def _documents(folder: Folder) -> Counter[tuple[str, str, str]]:
    """Language, source and licence of the documents, counted."""
    said = ("language", "source", "license")
    return Counter(
        (language or "unknown", source or "unknown", license or "unknown")
        for language, source, license in (map(row.get, said) for row in rows(folder, DOCUMENTS_FILE, said))
    )


def _groups(
    pages: Mapping[tuple[str, str, str], int], documents: Counter[tuple[str, str, str]], splits: Sequence[str]
) -> list[tuple[str, str, int, list[int]]]:
    """Language, source, documents, and pages of each split, the most pages first."""
    names = {(language, source) for _, language, source in pages} | {(d[0], d[1]) for d in documents}
    found = [
        (
            *name,
            sum(n for (language, source, _), n in documents.items() if (language, source) == name),
            [pages.get((split, *name), 0) for split in splits],
        )
        for name in sorted(names)
    ]
    return sorted(found, key=lambda group: -sum(group[3]))


def _licences(pages: Mapping[str, int], documents: Counter[tuple[str, str, str]]) -> list[tuple[str, int, int]]:
    """Licence, documents and pages, the most pages first."""
    counted: Counter[str] = Counter()
    for (_, _, license), n in documents.items():
        counted[license] += n
    names = sorted(pages.keys() | counted.keys(), key=lambda name: (-pages.get(name, 0), name))
    return [(name, counted[name], pages.get(name, 0)) for name in names]


def _rejects(folder: Folder) -> Counter[tuple[str, str]]:
    """Stage and reason of what was dropped, counted; what is not there was not written."""
    rejected = folder.read_rejects() if folder.exists("rejects.jsonl") else []
    return Counter((str(row["stage"]), str(row["reason"])) for row in rejected)


def _filters(places: Sequence[Place]) -> list[tuple[str, list[str]]]:
    """What the pages can be filtered by; not what is the same for all."""
    found = {
        "split": {place.split for place in places},
        "language": {place.language for place in places},
        "source": {place.source for place in places},
        "feature": {feature for place in places for feature in place.features},
        "licence": {place.license for place in places},
        "agreement": {place.band for place in places},
    }
    return [(name, sorted(values)) for name, values in found.items() if len(values) > 1]
