"""Files out of Debian packages: from a folder, by apt-get, checked, kept, and nothing else of them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from real_packages import PACKAGE, PDF, VERSION, build_deb, forge_deb, sha256

from tasks.evaluate.real.archive import Wanted, fetch
from tasks.records import StageError, UsageError
from tasks.store import Folder

CONTENT = b"%PDF-1.7 not really"


def wanted(path: str = PDF, sha: str = sha256(CONTENT), version: str = VERSION) -> list[Wanted]:
    return [Wanted(PACKAGE, version, (((path,), sha),))]


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    folder = tmp_path / "debs"
    folder.mkdir()
    build_deb(folder, {PDF: CONTENT, "usr/a": b"a", "usr/b": b"b"})
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "cache"))


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for apt-get: the script in the file, and what it was asked in `asked`."""
    script = tmp_path / "bin" / "apt-get"
    script.parent.mkdir()
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    return script


def answer(script: Path, shell: str) -> None:
    script.write_text(f'#!/bin/sh\necho "$@" >> {script.parent}/asked\n{shell}\n')
    script.chmod(0o755)


def test_a_file_comes_from_a_folder_of_packages(debs: Path, cache: Folder) -> None:
    assert fetch(wanted(), str(debs), cache) == {sha256(CONTENT): [CONTENT]}


def test_several_files_are_checked_as_one_in_their_order(debs: Path, cache: Folder) -> None:
    both = Wanted(PACKAGE, VERSION, ((("usr/b", "usr/a"), sha256(b"ba")),))
    assert fetch([both], str(debs), cache) == {sha256(b"ba"): [b"b", b"a"]}


def test_what_was_read_once_needs_no_package(debs: Path, cache: Folder, tmp_path: Path) -> None:
    fetch(wanted(), str(debs), cache)
    (tmp_path / "empty").mkdir()
    assert fetch(wanted(), str(tmp_path / "empty"), cache) == {sha256(CONTENT): [CONTENT]}


def test_a_kept_file_that_was_spoilt_is_read_again(debs: Path, cache: Folder) -> None:
    fetch(wanted(), str(debs), cache)
    for name in cache.names():
        cache.write(name, b"spoilt")
    assert fetch(wanted(), str(debs), cache) == {sha256(CONTENT): [CONTENT]}


def test_other_content_than_the_catalogue_says_is_refused(debs: Path, cache: Folder) -> None:
    with pytest.raises(StageError, match=rf"{PACKAGE}={VERSION}.*{PDF} has SHA-256"):
        fetch(wanted(sha="0" * 64), str(debs), cache)
    assert not cache.exists() or not cache.names()


def test_a_missing_file_is_named(debs: Path, cache: Folder) -> None:
    with pytest.raises(StageError, match="holds no file usr/nothing"):
        fetch(wanted(path="usr/nothing"), str(debs), cache)


def test_another_version_is_refused_with_a_remedy(debs: Path, cache: Folder) -> None:
    with pytest.raises(StageError, match=rf"{PACKAGE}=9:2\.0 is not in .*put {PACKAGE}_2\.0_all\.deb .*`debs`"):
        fetch(wanted(version="9:2.0"), str(debs), cache)


def test_a_folder_that_is_not_there_is_bad_usage(cache: Folder) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        fetch(wanted(), "/nowhere", cache)


def test_a_cut_package_is_refused(debs: Path, cache: Folder) -> None:
    (deb,) = debs.glob("*.deb")
    deb.write_bytes(deb.read_bytes()[:-60])
    with pytest.raises(StageError, match=f"{PACKAGE}={VERSION}"):
        fetch(wanted(), str(debs), cache)


def test_names_that_lead_out_write_nothing(tmp_path: Path, cache: Folder) -> None:
    members = []
    for name in ("../../evil", "/tmp/recto-evil", f"./{PDF}"):
        info = tarfile.TarInfo(name)
        info.size = len(CONTENT)
        members.append((info, CONTENT))
    folder = tmp_path / "a" / "b" / "debs"
    folder.mkdir(parents=True)
    forge_deb(folder / f"{PACKAGE}_1_all.deb", members)
    assert fetch(wanted(), str(folder), cache) == {sha256(CONTENT): [CONTENT]}
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/tmp/recto-evil").exists()


def test_a_link_is_no_file(tmp_path: Path, cache: Folder) -> None:
    link = tarfile.TarInfo(f"./{PDF}")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    forge_deb(tmp_path / f"{PACKAGE}_1_all.deb", [(link, b"")])
    with pytest.raises(StageError, match="holds no file"):
        fetch(wanted(), str(tmp_path), cache)


def test_apt_get_is_asked_for_the_version(apt: Path, debs: Path, cache: Folder) -> None:
    answer(apt, f"cp {debs}/*.deb .")
    assert fetch(wanted(), "", cache) == {sha256(CONTENT): [CONTENT]}
    assert f"{PACKAGE}={VERSION}" in (apt.parent / "asked").read_text()


def test_a_spoilt_download_is_fetched_once_more(apt: Path, debs: Path, cache: Folder) -> None:
    answer(
        apt, f"if [ -e {apt.parent}/again ]; then cp {debs}/*.deb .; else touch {apt.parent}/again; echo x > a.deb; fi"
    )
    assert fetch(wanted(), "", cache) == {sha256(CONTENT): [CONTENT]}
    assert len((apt.parent / "asked").read_text().splitlines()) == 2


def test_a_download_that_stays_spoilt_is_an_error(apt: Path, cache: Folder) -> None:
    answer(apt, "echo x > a.deb")
    with pytest.raises(StageError, match=f"{PACKAGE}={VERSION}"):
        fetch(wanted(), "", cache)
    assert len((apt.parent / "asked").read_text().splitlines()) == 2


def test_an_archive_without_the_version_is_one_clear_line(apt: Path, cache: Folder) -> None:
    answer(apt, f"echo \"E: Version '{VERSION}' for '{PACKAGE}' was not found\" >&2; exit 100")
    with pytest.raises(StageError, match=f"{PACKAGE}={VERSION} cannot be fetched.*was not found.*`debs`") as caught:
        fetch(wanted(), "", cache)
    assert "\n" not in str(caught.value)


def test_a_machine_without_apt_is_told_what_to_do(
    tmp_path: Path, cache: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dpkg-deb").symlink_to("/usr/bin/dpkg-deb")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(StageError, match=r"no apt-get here; put small-doc_1\.0-2_all\.deb"):
        fetch(wanted(), "", cache)
    (tmp_path / "bin" / "dpkg-deb").unlink()
    with pytest.raises(StageError, match="install dpkg"):
        fetch(wanted(), "", cache)
