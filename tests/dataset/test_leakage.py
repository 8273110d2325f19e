"""Near-duplicates: found by text and by image, kept on one side or dropped by name, and proved to be gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dataset_pages import drawn, noise, noise_text

from tasks.config import SplitConfig
from tasks.dataset.fingerprint import PERMUTATIONS, image_fingerprint, text_fingerprint
from tasks.dataset.leakage import prove
from tasks.dataset.near import SAME_IMAGE, SAME_TEXT, nearest_image, nearest_text, similar
from tasks.dataset.split import keep_ledger, read_ledger, split_stage
from tasks.records import StageError, StageRef
from tasks.store import Folder

RULES = SplitConfig(test_share=0.3, test_pages=0)


def edited(text: str, every: int) -> str:
    return " ".join("other" if i % every == 0 else word for i, word in enumerate(text.split(), 1))


def page(doc: str, number: int = 0, **more: Any) -> dict[str, Any]:
    said = {"doc_id": doc, "page_num": number, "family": f"of-{doc}", "language": "en", "source": "s", "features": []}
    return {**said, **more}


def documents(count: int = 20, **more: dict[str, Any]) -> list[dict[str, Any]]:
    return [page(f"d{i:02d}", n, **more.get(f"d{i:02d}", {})) for i in range(count) for n in range(2)]


def sides(ref: StageRef) -> dict[str, str]:
    return {row["doc_id"]: row["split"] for row in Folder(ref.uri).read_table("assignment.parquet").to_pylist()}


def rejects(ref: StageRef) -> dict[tuple[str, int], str]:
    return {(r["doc_id"], r["page_num"]): r["detail"] for r in Folder(ref.uri).read_rejects()}


def test_the_share_of_equal_places_is_the_similarity_of_the_texts() -> None:
    text = noise_text("a") + " " + noise_text("b")
    one, other = text_fingerprint(text), text_fingerprint(text + " " + noise_text("c"))
    assert (one == text_fingerprint(text.upper() + "\n")).all()
    assert (one == other).mean() == pytest.approx(2 / 3, abs=0.12)
    assert (one == text_fingerprint(noise_text("d"))).mean() < 0.05
    assert (text_fingerprint("設定の値を読みます。") == text_fingerprint("設定の値を、読みます")).all()


def test_similar_texts_are_found_among_many() -> None:
    texts = [noise_text(i) for i in range(300)]
    texts += [edited(texts[i], 40) for i in range(20)]
    hashes = np.array([text_fingerprint(text) for text in texts])
    assert similar(hashes) == {(i, 300 + i) for i in range(20)}
    similarity, which = nearest_text(hashes[:300], hashes[300:])
    assert which[:20].tolist() == list(range(20))
    assert similarity[:20].min() >= SAME_TEXT > similarity[20:].max()
    assert nearest_text(hashes[:0], hashes)[0].size == nearest_text(hashes[:3], hashes[:0])[0].sum() == 0


def test_every_copy_of_a_text_is_found() -> None:
    one = text_fingerprint(noise_text(1))
    train = np.stack([one, text_fingerprint(noise_text(2)), one, one])
    assert (nearest_text(train, one[None])[0] >= SAME_TEXT).tolist() == [True, False, True, True]


def test_a_page_is_known_again_on_grey_paper_and_apart_from_others() -> None:
    clean = [noise(i) for i in range(50)]
    pixels = [cv2.imdecode(np.frombuffer(c, np.uint8), cv2.IMREAD_GRAYSCALE).astype(float) for c in clean]
    shade = np.linspace(0.6, 0.95, pixels[0].shape[1])[None]
    scanned = [cv2.imencode(".jpg", (0.15 * 255 + 0.7 * p * shade).astype(np.uint8))[1].tobytes() for p in pixels]
    ours, theirs = (np.array([image_fingerprint(image) for image in images]) for images in (clean, scanned))
    similarity, which = nearest_image(ours, theirs)
    assert which.tolist() == list(range(50))
    assert similarity.min() > SAME_IMAGE
    assert nearest_image(ours[:25], theirs[25:])[0].max() < SAME_IMAGE
    blank = np.zeros_like(ours[:1])
    assert nearest_image(blank, blank)[0].tolist() == [0]


def test_blocks_do_not_change_what_is_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 64)).astype(np.uint8)
    whole = nearest_image(images[:25], images[25:])
    monkeypatch.setattr("tasks.dataset.near._BLOCK", 7)
    parts = nearest_image(images[:25], images[25:])
    assert whole[1].tolist() == parts[1].tolist()
    np.testing.assert_allclose(whole[0], parts[0], atol=1e-6)


def test_families_with_a_near_duplicate_document_are_on_one_side(home: Path) -> None:
    plain = sides(split_stage(RULES, drawn(documents(), "plain"), ""))
    one, other = (next(d for d, side in plain.items() if side == wanted) for wanted in ("train", "test"))
    text = {one: {"markdown": noise_text("same")}, other: {"markdown": edited(noise_text("same"), 40)}}
    welded = split_stage(RULES, drawn(documents(**text), "welded"), "")
    assert sides(welded)[one] == sides(welded)[other]
    assert not rejects(welded)


def test_a_page_that_is_on_the_other_side_too_is_dropped_from_train_by_name(home: Path) -> None:
    plain = sides(split_stage(RULES, drawn(documents(), "plain"), ""))
    train, test = ([d for d, side in plain.items() if side == wanted] for wanted in ("train", "test"))
    pages = documents()
    for doc in (train[0], train[1], test[0]):
        pages.append(page(doc, 2, markdown=noise_text("licence"), image=noise("licence", doc)))
    pages.append(page(train[2], 2, image=noise("figure")))
    pages.append(page(test[1], 2, image=noise("figure")))
    pages += [page(doc, n) for doc in plain for n in range(3, 9)]  # so that documents are not near-duplicates
    ledger = keep_ledger([{"family": f"of-{doc}", "split": side, "revision": ""} for doc, side in plain.items()])
    ref = split_stage(RULES, drawn(pages, "shared"), ledger)
    assert sides(ref) == plain
    found = rejects(ref)
    assert set(found) == {(doc, 2) for doc in train[:3]}
    assert found[train[0], 2] == f"text of pages: 1.00 like {test[0]}, page 2 of test"
    assert found[train[2], 2].startswith("image of pages: 1.00 like")
    proof = Folder(ref.uri).read_json("split.json")
    assert [(row["left"], row["train"]) for row in proof["compared"]] == [
        (0, len(train)),
        *[(0, ref.counts["train"])] * 2,
    ]
    assert proof["families on both sides"] == 0
    assert ref.counts["near-duplicates"] == 3


def test_a_newcomer_whose_near_duplicates_are_on_both_sides_is_a_named_reject(home: Path) -> None:
    first = split_stage(RULES, drawn(documents(), "first"), "")
    ledger = keep_ledger(read_ledger(Folder(first.uri)))
    old = sides(first)
    train, test = (next(d for d, side in old.items() if side == wanted) for wanted in ("train", "test"))
    text = " ".join(noise_text(i) for i in range(4))
    texts = {train: text, test: edited(text, 15)}
    assert not similar(np.array([text_fingerprint(text) for text in texts.values()])), "the old ones are no duplicates"
    pages = [p for p in documents() if p["doc_id"] not in texts]
    pages += [page(doc, markdown=text) for doc, text in texts.items()]
    pages.append(page("new", markdown=edited(text, 30)))
    pages.sort(key=lambda p: (p["doc_id"], p["page_num"]))
    after = split_stage(RULES, drawn(pages, "second"), ledger)
    ((name, why),) = rejects(after).items()
    assert name == ("new", 0)
    assert why.endswith(f"like {test} of test")
    assert {d: s for d, s in sides(after).items() if d != "new"} == old


def test_a_split_that_leaks_is_not_published(home: Path) -> None:
    from tasks.dataset.fingerprint import Fingerprints

    texts = np.stack([text_fingerprint(noise_text(1))] * 2)
    images = np.stack([image_fingerprint(noise(n)) for n in range(2)])
    prints = Fingerprints(["a", "b"], texts, [("a", 0), ("b", 0)], texts, images)
    dealt = {"a": "train", "b": "test"}
    assert texts.shape == (2, PERMUTATIONS)
    with pytest.raises(StageError, match="leaks"):
        prove(prints, dealt, {"a": "f", "b": "g"}, ())
    with pytest.raises(StageError, match="leaks"):
        prove(prints, dealt, {"a": "f", "b": "f"}, [])
    assert prove(prints, dealt, {"a": "f", "b": "g"}, [("a", 0)])["families on both sides"] == 0


def test_a_fingerprint_is_made_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = text_fingerprint
    monkeypatch.setattr("tasks.dataset.fingerprint.text_fingerprint", lambda text: made.append(text) or real(text))
    split_stage(RULES, drawn(documents(), "first"), "")
    assert len(made) == 60  # pages, and each document as a whole
    split_stage(RULES, drawn(documents(21), "second"), "")
    assert len(made) == 63
