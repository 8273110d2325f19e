"""The run configuration: frozen pydantic models, read from TOML, shown as a form by the Prefect UI."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from tasks.records import UsageError
from tasks.render_config import Config, RenderConfig
from tasks.train_config import CostConfig, GrpoConfig, LoraConfig, ModelConfig, PagesConfig, SftConfig

RUNS = Path(__file__).parent.parent / "infra" / "runs"

Masked = Literal["email", "ip"]


class CollectConfig(Config):
    """Which documents come in."""

    sources: tuple[str, ...] = Field(
        ("corpus",), min_length=1, description="'corpus' (embedded), 'folder', or names in the catalogue"
    )
    folder: str = Field("", description="The source 'folder' is every *.md below it")
    license: str = Field("NOASSERTION", description="SPDX id of the licence that all files of `folder` have")
    catalogue: str = Field("", description="TOML file of sources; empty: data/sources.toml")
    required: tuple[str, ...] = Field((), description="Sources without which a run fails; a gap in another is counted")
    contact: str = Field("", description="E-mail or URL of who runs this, told to every service that is asked")
    mirrors: dict[str, str] = Field({}, description="Host -> base URL of what answers in its place")
    patience: float = Field(600, gt=0, description="Seconds of faults after which a host is given up")
    mask: tuple[Masked, ...] = Field(("email", "ip"), description="Addresses replaced by reserved examples")
    benchmark: str = Field(
        "", description="Folder of texts (Markdown, text, JSON lines, PDF) that no document may share passages with"
    )
    languages: tuple[str, ...] = Field((), description="Languages kept, as ISO 639-1; empty keeps all")
    min_chars: int = Field(200, ge=1, description="Shorter documents are rejected")
    max_chars: int = Field(50_000, ge=200, description="Longer documents are cut at a block boundary")


class SplitConfig(Config):
    """How families are dealt to train and test; an old family never moves."""

    test_share: float = Field(0.1, ge=0, lt=1, description="Share of the pages of each language and source held out")
    test_pages: int = Field(200, ge=0, description="At least this many held-out pages, where there are families enough")
    tolerance: float = Field(
        1.0, ge=0, description="A language x source, or one of its features, may be this many families over its quota"
    )
    pages_per_family: int = Field(400, ge=1, description="More pages of one family are rejected")
    seed: int = Field(0, description="Decides in which order families are dealt")


class PublishConfig(Config):
    """How the dataset is laid out."""

    shards: int = Field(4, ge=1, le=4096, description="Buckets per split: a document's bucket is a hash of its id")
    name: str = Field("recto-pages", description="Title on the dataset card")


HubName = Annotated[str, Field(pattern=r"^([\w.-]+/[\w.-]+)?$")]


class UploadConfig(Config):
    """What goes to the Hugging Face Hub, and where. The token is HF_TOKEN, the Hub HF_ENDPOINT."""

    dataset: HubName = Field("", description="Dataset repository, owner/name; empty: the dataset stays in its folder")
    adapter: HubName = Field("", description="Model repository of the refined adapter; empty: it stays in the store")
    private: bool = Field(True, description="A repository that is created is private, and a public one is refused")


class Checkpoint(ModelConfig):
    """A model read with transformers, bare or under an adapter."""

    kind: Literal["checkpoint"] = "checkpoint"
    name: str = Field("", description="In tables; empty: the base's name")
    batch: int = Field(32, ge=1, description="Pages at once")


class Endpoint(Config):
    """A model behind an OpenAI-compatible endpoint: vLLM, SGLang, `transformers serve`, a provider."""

    kind: Literal["openai"] = "openai"
    name: str = Field("", description="In tables; empty: the model's name")
    url: str = Field(description="Base URL, such as http://127.0.0.1:8000/v1")
    model: str = Field(description="The model's name at the endpoint")
    prompt: str = Field(ModelConfig().prompt, description="What is said beside each page")
    max_new_tokens: int = Field(4096, ge=8, description="Longest answer, in tokens")
    key_variable: str = Field("OPENAI_API_KEY", description="Environment variable that holds the key, if one is needed")
    parallel: int = Field(8, ge=1, description="Requests at once")
    timeout: float = Field(600, gt=0, description="Seconds for one answer")


class Ocr(Config):
    """An OCR program of this machine, or one that reads a PDF's text layer, with its own defaults."""

    kind: Literal["tesseract", "rapidocr", "pymupdf4llm", "markitdown"]
    name: str = Field("", description="In tables; empty: the kind")


class HubModel(Config):
    """A document model of the Hub, with its own prompt and preprocessing."""

    kind: Literal["nougat", "got-ocr2", "olmocr", "docling"]
    name: str = Field("", description="In tables; empty: the kind")
    model: str = Field("", description="Hub name or folder; empty: the one its authors publish")
    max_new_tokens: int = Field(4096, ge=8, description="Longest answer, in tokens")
    dtype: Literal["float32", "bfloat16"] = Field("bfloat16", description="In which the weights are loaded")


System = Annotated[Checkpoint | Endpoint | Ocr | HubModel, Field(discriminator="kind")]


class EvaluateConfig(Config):
    """Held-out evaluation."""

    pages: int = Field(200, ge=1, description="Held-out pages, fewer where the test split is smaller")
    batch: int = Field(32, ge=1, description="Pages at once, for base and adapters")
    base: bool = Field(True, description="Ask the base model too")
    systems: tuple[System, ...] = Field((), description="What else is asked: OCR programs, endpoints, other models")
    bench_languages: tuple[str, ...] = Field((), description="Languages of the real pages that are read; empty: all")
    bench_pages: int = Field(0, ge=0, description="Read at most so many pages of olmOCR-bench; 0: all")
    checker_seconds: int = Field(4 * 3600, ge=1, description="olmOCR's checker is stopped after so long")
    resamples: int = Field(10_000, ge=100, description="Bootstrap resamples, over families")
    seed: int = Field(0, description="Decides which held-out pages are read, and the resamples")


class RunConfig(Config):
    """One run of the whole line."""

    why: str = Field("", description="What this run is for")
    workers: Annotated[
        int, Field(ge=0, description="Processes that render; 0 is one per core. Never changes a result")
    ] = 0
    cluster: str = Field(
        "",
        pattern=r"^$|^(tcp|tls)://\S+:\d+$",
        description="Address of a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers render; empty: processes "
        "of this machine. Never changes a result",
    )
    collect: CollectConfig = CollectConfig()
    render: RenderConfig = RenderConfig()
    small: RenderConfig | None = Field(
        None, description="Train on pages drawn so, for a model that reads only small ones; none: on the dataset's own"
    )
    split: SplitConfig = SplitConfig()
    publish: PublishConfig = PublishConfig()
    upload: UploadConfig = UploadConfig()
    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    lora: LoraConfig = LoraConfig()
    sft: SftConfig = SftConfig()
    grpo: GrpoConfig = GrpoConfig()
    cost: CostConfig = CostConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    def of_folder(self, folder: str | None) -> RunConfig:
        """The run, with every *.md below a folder as its documents; None changes nothing."""
        if folder is None:
            return self
        source = self.collect.model_copy(update={"sources": ("folder",), "folder": folder})
        return self.model_copy(update={"collect": source})


class HeldOutRun(Config):
    """What decides which held-out pages are read, their dataset apart. No page of a family in `without` is."""

    without: tuple[str, ...] = ()
    selection: PagesConfig = PagesConfig()
    pages: int = EvaluateConfig().pages
    skip: int = Field(0, ge=0, description="The first so many of the choice are left out, such as those tuned on")
    seed: int = 0


class ReadRun(Config):
    """What decides the answers of a system, the pages and the adapter apart."""

    system: str = Field(description="Its name in tables")
    seed: int | None = Field(None, description="Seed of its training; several of one system are averaged")
    reader: System


class ScoreRun(Config):
    """What decides the table of an evaluation, pages and answers apart."""

    resamples: int = EvaluateConfig().resamples
    seed: int = 0


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
