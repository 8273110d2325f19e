"""The part of a run's configuration that says how pages look: paper, type, layout, and which pages look scanned."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator


class Config(BaseModel):
    """A frozen part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Value = TypeVar("Value")
Share = Annotated[float, Field(ge=0, le=1)]
Choices = Annotated[tuple[Value, ...], Field(min_length=1)]
Colour = Annotated[str, Field(pattern="^#([0-9a-f]{3}|[0-9a-f]{6})$")]
Range = tuple[float, float]

Effect = Literal["bleed", "contrast", "rotation", "perspective", "shadow", "blur", "noise", "tint", "grey", "jpeg"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)
_MOST = {"rotation": 45, "perspective": 0.2, "blur": 20, "noise": 60, "jpeg": 100}  # of the others, 1
_OFTEN: dict[Effect, float] = {"blur": 0.6, "noise": 0.6, "rotation": 0.6, "jpeg": 0.6, "grey": 0.5}


class ScanConfig(Config):
    """Which pages look printed and scanned, and how much. The label of a page never depends on it.

    A range is the smallest and the largest value that may be drawn; equal ends fix it.
    """

    share: float = Field(0.25, ge=0, le=1, description="Share of the pages that look scanned, drawn page by page")
    effects: dict[Effect, Annotated[float, Field(ge=0, le=1)]] = Field(
        {name: _OFTEN.get(name, 0.3) for name in EFFECTS},
        description="Chance of each effect on such a page; an effect that is not named has none",
    )
    bleed: Range = Field((0.04, 0.14), description="How dark the back of the sheet shows through, of black")
    contrast: Range = Field((0.55, 0.85), description="Distance between paper and ink that is left, of black on white")
    rotation: Range = Field((0.2, 1.3), description="Degrees, either way")
    perspective: Range = Field((0.003, 0.012), description="How far a corner moves, of the page's shorter side")
    shadow: Range = Field((0.12, 0.35), description="How much light is missing where the page is darkest")
    blur: Range = Field((0.35, 0.75), description="Standard deviation in 150ths of an inch")
    noise: Range = Field((2.0, 6.0), description="Standard deviation in grey levels of 255")
    tint: Range = Field((0.04, 0.16), description="How much blue the paper swallows")
    jpeg: Range = Field((35, 75), description="JPEG quality; a scanned page without this effect is saved at 92")

    @field_validator("bleed", "contrast", "rotation", "perspective", "shadow", "blur", "noise", "tint", "jpeg")
    @classmethod
    def _in_order(cls, ends: Range, info: ValidationInfo) -> Range:
        most = _MOST.get(info.field_name or "", 1)
        if min(ends) < 0 or max(ends) > most:
            raise ValueError(f"both ends must lie between 0 and {most}")
        return (min(ends), max(ends))


class LookConfig(Config):
    """What a document's style is drawn from; a choice that stands twice is drawn twice as often."""

    papers: Choices[Literal["A4", "Letter", "A5", "card"]] = Field(
        ("A4", "A4", "A4", "Letter", "Letter", "A5", "card"), description="Paper, where width and height are 0"
    )
    columns: Choices[Literal[1, 2]] = Field((1, 1, 1, 2), description="Two only where a column holds 20 em")
    justify: Share = Field(
        0.7,
        description="Share of documents with both edges flush; no Japanese, whose few spaces layout would stretch",
    )
    hyphenate: Share = Field(0.85, description="Share of justified documents with words cut at line ends")
    leading: tuple[float, float] = Field((1.15, 1.5), description="Line height in em; Japanese takes 0.2 more")
    indent: Share = Field(0.35, description="Share with indented paragraphs instead of space between them")
    header: Share = Field(0.5, description="Share with a running header, from the second page on")
    footer: Share = Field(0.7, description="Share with a page number")
    inks: Choices[Colour] = Field(("#000", "#000", "#000", "#111", "#111", "#24292f"), description="Text colours")
    accents: Choices[Colour] = Field(
        ("#0645ad", "#0969da", "#8b1a1a", "#1a5e3a", "#5a3d8a", "#b3541e", "#1d3557"), description="Link colours"
    )
    headings: Choices[Literal["plain", "ruled", "colour", "centred"]] = Field(
        ("plain", "plain", "plain", "ruled", "centred", "colour"), description="Styles of headings"
    )
    sans_headings: Share = Field(0.3, description="Share of documents with headings in a sans-serif")
    heading_space: tuple[float, float] = Field((0.8, 1.6), description="Room above a heading, in em of its own")
    tables: Choices[Literal["grid", "rules", "stripes", "plain"]] = Field(
        ("rules", "rules", "grid", "plain", "stripes"), description="Styles of tables"
    )
    bullets: Choices[Literal["disc", "circle", "square", "dash"]] = Field(
        ("disc", "disc", "disc", "disc", "circle", "square", "dash"), description="Marks of lists"
    )
    quotes: Choices[Literal["bar", "indent", "box"]] = Field(("bar", "indent", "box"), description="Styles of quotes")
    blocks: Choices[Literal["tint", "indent", "frame", "rules"]] = Field(
        ("indent", "indent", "tint", "frame", "rules"), description="Styles of code blocks"
    )
    chips: Share = Field(0.25, description="Share of documents with code in the text on a grey ground")
    code_themes: Choices[str] = Field(
        (*[""] * 7, "default", "friendly", "tango", "vs", "xcode", "github-dark"),
        description="Pygments styles for code; '' colours nothing",
    )


class RenderConfig(Config):
    """How a page looks. Lengths on the page are CSS pixels, a 96th of an inch."""

    width: int = Field(0, ge=0, le=4000, description="Page width in CSS px (A4: 794); 0: of a paper of the look")
    height: int = Field(0, ge=0, le=6000, description="Page height in CSS px (A4: 1123); 0: of a paper of the look")
    dpi: int = Field(150, ge=36, le=600, description="Resolution of the page image")
    font_sizes: Choices[int] = Field((11, 12, 13, 14, 15, 16), description="Body sizes in CSS px, drawn per document")
    margins: tuple[int, int] = Field(
        (57, 104), description="Smallest and largest margin in CSS px (15-27 mm), for A4; other papers scale them"
    )
    fonts_en: Choices[str] = Field(
        (
            *("Caladea", "Liberation Serif", "DejaVu Serif", "LM Roman 10", "Linux Libertine O"),
            *("TeX Gyre Termes", "TeX Gyre Pagella", "TeX Gyre Schola"),
            *("Liberation Sans", "DejaVu Sans", "Carlito", "Lato", "Open Sans", "Roboto", "TeX Gyre Heros"),
        ),
        description="Families for Latin text",
    )
    fonts_ja: Choices[str] = Field(
        (
            *("Noto Sans CJK JP", "Noto Serif CJK JP", "IPAexGothic", "IPAexMincho"),
            *("BIZ UDPGothic", "BIZ UDPMincho"),
        ),
        description="Families for Japanese",
    )
    fonts_code: Choices[str] = Field(
        (*["DejaVu Sans Mono"] * 2, *["Hack"] * 2, "Liberation Mono", "TeX Gyre Cursor"),
        description="Families for code",
    )
    look: Literal["plain"] | LookConfig = Field(
        LookConfig(), description="What styles are drawn from; 'plain': one column, flush left, nothing but the text"
    )
    links: Literal["keep", "text"] = Field(
        "keep", description="Labels keep link targets, or only the text that is shown"
    )
    min_agreement: float = Field(0.98, ge=0, le=1, description="Pages below this agreement are rejected")
    max_chars: int = Field(
        0, ge=0, description="Draw only the first so many characters of a document, cut at a block; 0: all"
    )
    languages: tuple[str, ...] = Field((), description="Languages drawn; empty draws all")
    seconds_per_document: int = Field(60, ge=1, description="A document that takes longer is rejected")
    keep_pdf: bool = Field(False, description="Also keep the PDF of each document")
    scan: ScanConfig = Field(ScanConfig(), description="Pages that look scanned")
    seed: int = Field(0, description="Decides, with the document, which style is drawn")

    @model_validator(mode="after")
    def _whole_page(self) -> Self:
        if (self.width, self.height) != (0, 0) and (self.width < 64 or self.height < 32):
            raise ValueError("a page is at least 64 x 32 px; give both width and height, or neither")
        if self.look == "plain" and not self.width:
            raise ValueError("look = 'plain' draws no paper; give width and height (A4: 794 and 1123)")
        return self
