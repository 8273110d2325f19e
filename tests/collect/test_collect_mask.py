"""Addresses of people and machines become examples; what only looks like one stays."""

from __future__ import annotations

import pytest

from tasks.collect.mask import mask

BOTH = ("email", "ip")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to <jane.doe+x@mail.acme.org>.", "Write to <user@example.com>."),
        ("[mail](mailto:jane@acme.co.jp)", "[mail](mailto:user@example.com)"),
        ("山田さん（yamada@acme.jp）へ", "山田さん（user@example.com）へ"),
        ("ping 82.50.72.202, then 8.8.8.8", "ping 192.0.2.1, then 8.8.8.8"),
        ("host 2606:4700:4700::1111 up", "host 2001:db8::1 up"),
        ("`[2a00:1450:4001:82a::200e]:443`", "`[2001:db8::1]:443`"),
        ("the server 82.50.72.202 of this section", "the server 192.0.2.1 of this section"),
    ],
)
def test_addresses_become_examples(text: str, masked: str) -> None:
    assert mask(text, BOTH) == masked
    assert mask(masked, BOTH) == masked


@pytest.mark.parametrize(
    "text",
    [
        "git clone git@github.com:acme/docs.git",
        "npm install left-pad@1.3.0 @acme/kit@next",
        "user@example.com and jane@mail.example.org",
        "http://127.0.0.1:8000, 192.168.1.254, 10.0.0.255, 255.255.255.0, 0.0.0.0",
        "see 14.5.3.1 of version 1.2.3.4, at 10:20:30, in std::vector::size",
        "fe80::1 and ::1",
        "`a[::2]`, `x[1::2]`, `x[::10, ::4]`, `x[2000::10]`, `2600::f`",
        "`A::B`, `a::b()`, `use base 'A::C'`, `std::ab::cd`",
        "section 12.2.4.69 of the HTML spec, Sections\n[12.2.4.70](#x), § 12.2.4.71 and §12.2.4.72",
        "version 82.50.72.202, Version `120.0.60.109`, v82.50.72.202, v 120.0.60.109",
        "#### 12.2.4.69 DOCTYPE state",
    ],
)
def test_what_names_nobody_stays(text: str) -> None:
    assert mask(text, BOTH) == text


def test_masking_is_a_choice() -> None:
    text = "jane@acme.org at 82.50.72.202"
    assert mask(text, ()) == text
    assert mask(text, ("ip",)) == "jane@acme.org at 192.0.2.1"


def test_long_lines_take_no_time() -> None:
    for piece in ("a.", "a@", "1.", "a:", "a@a."):
        text = piece * 100_000
        assert len(mask(text, BOTH)) <= len(text) * 4
