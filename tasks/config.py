"""The run configuration: frozen pydantic models, read from TOML, shown as a form by the Prefect UI."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.records import UsageError

Value = TypeVar("Value")
RUNS = Path(__file__).parent.parent / "infra" / "runs"


class Config(BaseModel):
    """A frozen part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CollectConfig(Config):
    """Which documents come in."""

    source: Literal["corpus", "folder"] = Field("corpus", description="Embedded corpus, or every *.md under `folder`")
    folder: str = Field("", description="Folder of Markdown files, with source = 'folder'")
    languages: tuple[str, ...] = Field((), description="Languages kept, as ISO 639-1; empty keeps all")
    min_chars: int = Field(200, ge=1, description="Shorter documents are rejected")
    max_chars: int = Field(50_000, ge=200, description="Longer documents are cut at a block boundary")


Share = Annotated[float, Field(ge=0, le=1)]
Choices = Annotated[tuple[Value, ...], Field(min_length=1)]
Colour = Annotated[str, Field(pattern="^#([0-9a-f]{3}|[0-9a-f]{6})$")]


class LookConfig(Config):
    """What a document's style is drawn from; a choice that stands twice is drawn twice as often."""

    papers: Choices[Literal["A4", "Letter", "A5", "card"]] = Field(
        ("A4", "A4", "A4", "Letter", "Letter", "A5", "card"), description="Paper, where width and height are 0"
    )
    columns: Choices[Literal[1, 2]] = Field((1, 1, 1, 2), description="Two only where a column holds 20 em")
    justify: Share = Field(0.5, description="Share of documents with both edges flush")
    hyphenate: Share = Field(0.5, description="Share of justified English documents with words cut at line ends")
    leading: tuple[float, float] = Field((1.2, 1.6), description="Line height in em; Japanese takes 0.2 more")
    indent: Share = Field(0.25, description="Share with indented paragraphs instead of space between them")
    header: Share = Field(0.5, description="Share with a running header")
    footer: Share = Field(0.7, description="Share with a page number")
    inks: Choices[Colour] = Field(("#000", "#111", "#111", "#222", "#24292f", "#333"), description="Text colours")
    accents: Choices[Colour] = Field(
        ("#0645ad", "#0969da", "#8b1a1a", "#1a5e3a", "#5a3d8a", "#b3541e", "#1d3557"), description="Link colours"
    )
    headings: Choices[Literal["plain", "ruled", "colour", "centred"]] = Field(
        ("plain", "ruled", "colour", "centred"), description="Styles of headings"
    )
    sans_headings: Share = Field(0.3, description="Share of documents with headings in a sans-serif")
    tables: Choices[Literal["grid", "rules", "stripes", "plain"]] = Field(
        ("grid", "rules", "stripes", "plain"), description="Styles of tables"
    )
    bullets: Choices[Literal["disc", "circle", "square", "dash"]] = Field(
        ("disc", "disc", "circle", "square", "dash"), description="Marks of lists"
    )
    quotes: Choices[Literal["bar", "indent", "box"]] = Field(("bar", "indent", "box"), description="Styles of quotes")
    code_themes: Choices[str] = Field(
        ("", "", "default", "friendly", "tango", "vs", "xcode", "solarized-light", "monokai", "github-dark"),
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
        ("DejaVu Sans Mono", "Liberation Mono", "Hack", "TeX Gyre Cursor"), description="Families for code"
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
    seed: int = 0

    @model_validator(mode="after")
    def _whole_page(self) -> Self:
        if (self.width, self.height) != (0, 0) and (self.width < 64 or self.height < 32):
            raise ValueError("a page is at least 64 x 32 px; give both width and height, or neither")
        if self.look == "plain" and not self.width:
            raise ValueError("look = 'plain' draws no paper; give width and height (A4: 794 and 1123)")
        return self


class SplitConfig(Config):
    """How families are dealt to train and test; an old family never moves."""

    test_share: float = Field(0.1, ge=0, lt=1, description="Share of the pages of each language and source held out")
    test_pages: int = Field(200, ge=0, description="At least this many held-out pages, where there are families enough")
    pages_per_family: int = Field(400, ge=1, description="More pages of one family are rejected")
    seed: int = 0


class PublishConfig(Config):
    """How the dataset is laid out."""

    shards: int = Field(4, ge=1, le=4096, description="Buckets per split: a document's bucket is a hash of its id")
    name: str = Field("recto-pages", description="Title on the dataset card")


class ModelConfig(Config):
    """Which model is trained: a folder, or an image-text-to-text model of the Hub."""

    base: str = Field(
        "tiny", description="'tiny' (embedded), a local folder, or a Hub name such as Qwen/Qwen3-VL-2B-Instruct"
    )
    prompt: str = Field("Convert to Markdown.", description="The same bytes in training, rollouts and evaluation")
    max_new_tokens: int = Field(160, ge=8, description="Longest answer, in tokens")
    dtype: Literal["float32", "bfloat16"] = "float32"


class PagesConfig(Config):
    """Which pages of a dataset train and test a model."""

    languages: tuple[str, ...] = Field(("en",), description="Languages used; empty uses all")
    max_label_chars: int = Field(150, ge=1, description="Pages with longer labels are left out")
    min_label_chars: int = Field(8, ge=1, description="Pages with shorter labels are left out")
    tables: bool = Field(False, description="Use pages with tables")


class LoraConfig(Config):
    """The adapter."""

    r: int = Field(32, ge=1)
    alpha: int = Field(64, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    vision: bool = Field(True, description="Adapt the vision layers too")


class SftConfig(Config):
    """Supervised warm-up."""

    steps: int = Field(100, ge=0)
    batch: int = Field(8, ge=1)
    micro_batch: int = Field(0, ge=0, description="Pages on the device at once, to save memory; 0: the whole batch")
    learning_rate: float = Field(2e-3, gt=0)
    save_steps: int = Field(
        25, ge=1, description="A checkpoint every so many steps; a killed run resumes from the last"
    )
    seed: int = 0


class GrpoConfig(Config):
    """Refinement of the same adapter by group-relative policy optimisation."""

    steps: int = Field(60, ge=0)
    prompts: int = Field(8, ge=1, description="Different pages per step")
    generations: int = Field(4, ge=2, description="Answers per page: the group")
    micro_batch: int = Field(
        0, ge=0, description="Answers in a gradient's forward pass, to save memory; 0: all at once"
    )
    learning_rate: float = Field(1e-4, gt=0)
    temperature: float = Field(0.5, gt=0)
    beta: float = Field(0.0, ge=0, description="Weight of the KL term")
    loss_type: Literal["dapo", "dr_grpo", "bnpo", "grpo"] = Field("dapo", description="How token losses are averaged")
    weights: str | dict[str, float] = Field("v2", description="Reward preset, or part -> weight")
    save_steps: int = Field(10, ge=1)
    seed: int = 0


class EvaluateConfig(Config):
    """Held-out evaluation."""

    pages: int = Field(200, ge=1, description="Held-out pages, fewer where the test split is smaller")
    batch: int = Field(32, ge=1)
    resamples: int = Field(10_000, ge=100, description="Bootstrap resamples, over families")
    seed: int = 0


class RunConfig(Config):
    """One run of the whole line."""

    why: str = Field("", description="What this run is for")
    workers: Annotated[
        int, Field(ge=0, description="Processes that render; 0 is one per core. Never changes a result")
    ] = 0
    collect: CollectConfig = CollectConfig()
    render: RenderConfig = RenderConfig()
    small: RenderConfig | None = Field(
        None, description="Train on pages drawn so, for a model that reads only small ones; none: on the dataset's own"
    )
    split: SplitConfig = SplitConfig()
    publish: PublishConfig = PublishConfig()
    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    lora: LoraConfig = LoraConfig()
    sft: SftConfig = SftConfig()
    grpo: GrpoConfig = GrpoConfig()
    evaluate: EvaluateConfig = EvaluateConfig()


class SftRun(Config):
    """What decides an SFT adapter, its dataset apart."""

    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    lora: LoraConfig = LoraConfig()
    sft: SftConfig = SftConfig()


class GrpoRun(Config):
    """What decides a GRPO adapter, its dataset and the adapter it goes on from apart."""

    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    lora: LoraConfig = LoraConfig()
    grpo: GrpoConfig = GrpoConfig()


class EvaluateRun(Config):
    """What decides an evaluation, its dataset and adapters apart."""

    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    evaluate: EvaluateConfig = EvaluateConfig()


Model = TypeVar("Model", bound=Config)


def load_run(path: str | Path | None) -> RunConfig:
    """Read a run TOML (None: all defaults). Raises UsageError, one line naming file, key and remedy."""
    return load_config(path, RunConfig)


def load_config(path: str | Path | None, model: type[Model]) -> Model:
    """Read a TOML as a configuration of the given kind; as `load_run`."""
    if path is None:
        return model()
    try:
        return model.model_validate(tomllib.loads(Path(path).read_text()))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such run file; the project's own are in {RUNS}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise UsageError(f"{path}: not a readable TOML file: {e}") from None
    except ValidationError as e:
        problems = "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        raise UsageError(f"{path}: {problems}") from None
