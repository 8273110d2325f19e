"""Teaches the embedded reader to read, from nothing, on a CPU.

First the vision tower alone, through a throw-away head that names the characters of every 16 x 16 px cell: we drew
the card, so we know where each character is. Then the whole model jointly, on cards and last on rendered pages,
to answer with the page's visible text. What a step sees depends on (seed, phase, step) only, so a run that was
killed goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tasks.model import tiny
from tasks.model.cpu import speed_up
from tasks.train.bootstrap_data import CLASSES, SLOTS, Examples, Page, Phase, Recipe
from tasks.train.bootstrap_text import Texts


def losses(
    model: Any, head: nn.Module, batch: dict[str, Any], language: bool, draw: torch.Generator
) -> dict[str, Tensor]:
    """`text`: nats per answer token; `characters`: nats per slot, over occupied cells and 15 % of the empty ones."""
    found: dict[str, Tensor] = {}
    pixels = batch["pixel_values"].to(next(model.parameters()).dtype)
    if language:
        cells: list[Tensor] = []
        watch = model.model.visual.merger.register_forward_hook(lambda module, inputs, output: cells.append(output))
        names = ("input_ids", "image_grid_thw", "mm_token_type_ids")
        labels = batch["labels"]
        inputs = {name: batch[name] for name in names}
        logits = model(**inputs, pixel_values=pixels, use_cache=False, logits_to_keep=labels.shape[1] + 1).logits
        watch.remove()
        found["text"] = cross_entropy(logits[:, :-1].float().flatten(0, 1), labels.flatten())
        merged = cells[0]
    else:
        merged = model.model.visual(pixels, grid_thw=batch["image_grid_thw"]).pooler_output
    if batch["characters"] is not None:
        wanted = batch["characters"].view(-1, SLOTS)
        kept = (wanted[:, 0] > 0) | (torch.rand(len(wanted), generator=draw) < 0.15)
        named = head(merged[kept]).float().view(-1, len(CLASSES) + 1)
        found["characters"] = cross_entropy(named, wanted[kept].flatten())
    return found


class Trainer:
    """Model, head, and the float32 master copies that the optimisers move; the live weights are bfloat16."""

    def __init__(self, processor: Any, seed: int, dtype: torch.dtype) -> None:
        self.model = speed_up(tiny.build_model(processor.tokenizer, seed)).train()
        self.model.set_attn_implementation("eager")  # faster than sdpa on a CPU, forth and back
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(self.model.config.text_config.hidden_size, SLOTS * (len(CLASSES) + 1))
        live = [*self.model.parameters(), *self.head.parameters()]
        self.masters = [p.detach().float().clone() for p in live]
        self.model.to(dtype)
        self.head.to(dtype)
        self.live = live
        # Muon moves the matrices of the layers, AdamW the rest: embedding, patch embedding, norms, biases, head
        other = {self.model.get_input_embeddings().weight, self.head.weight}
        matrix = [p.ndim == 2 and p not in other for p in live]
        pairs = list(zip(self.masters, matrix, strict=True))
        self.muon = torch.optim.Muon([m for m, is_ in pairs if is_], weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(
            [m for m, is_ in pairs if not is_], betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )

    def step(self, loss: Tensor, rate: float) -> float:
        """One update at learning rate `rate`; AdamW's is half of it.

        Returns the gradient's norm before it is clipped to 1.
        """
        loss.backward()  # type: ignore[no-untyped-call]
        for master, weight in zip(self.masters, self.live, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        norm = nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.muon.param_groups[0]["lr"], self.adamw.param_groups[0]["lr"] = rate, rate / 2
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adamw.step()
        self.refresh()
        return float(norm)

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the master copies into the live weights."""
        torch._foreach_copy_([weight.data for weight in self.live], self.masters)

    def save(self, path: Path, **position: int) -> None:
        """Write everything that the next step depends on, atomically."""
        state = {"masters": self.masters, "muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}
        torch.save(state | position, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def load(self, path: Path) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        with torch.no_grad():
            torch._foreach_copy_(self.masters, state["masters"])
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])
        self.refresh()
        return state


def train_reader(
    recipe: Recipe,
    processor: Any,
    texts: Texts,
    folder: Path,
    pages: Sequence[Page] = (),
    dtype: torch.dtype = torch.bfloat16,
    on_log: Callable[[dict[str, Any], Any], None] | None = None,
) -> Any:
    """Run the recipe's phases in `folder`, from the checkpoint there if there is one; return the trained model.

    Phases already done may be followed by new ones: the checkpoint says how many phases and steps are behind.
    `on_log` gets each log entry (it may add to it) and the model, and may raise to stop.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, log = folder / "state.pt", folder / "log.jsonl"
    trainer = Trainer(processor, recipe.seed, dtype)
    phase_at = step_at = total = 0
    if checkpoint.exists():
        state = trainer.load(checkpoint)
        phase_at, step_at, total = state["phase"], state["step"], state["total"]
    entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    entries = [entry for entry in entries if entry["total"] <= total]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    examples = Examples(recipe, processor, texts, pages)
    for number, phase in enumerate(recipe.phases):
        recent: dict[str, list[float]] = {}
        clock = time.process_time()
        for step in range(step_at if number == phase_at else 0, phase.steps if number >= phase_at else 0):
            batch = examples.batch(phase, step)
            draw = torch.Generator().manual_seed(total)
            found = losses(trainer.model, trainer.head, batch, phase.language, draw)
            norm = trainer.step(torch.stack(list(found.values())).sum(), rate_at(phase, step))
            total += 1
            for name, value in ({name: float(loss.detach()) for name, loss in found.items()} | {"norm": norm}).items():
                recent.setdefault(name, []).append(value)
            if total % recipe.log_every == 0:
                entry: dict[str, Any] = {"phase": phase.name, "step": step + 1, "total": total}
                entry |= {name: round(sum(values) / len(values), 4) for name, values in recent.items()}
                entry["cpu_seconds"] = round(time.process_time() - clock, 1)
                recent, clock = {}, time.process_time()
                if on_log:
                    on_log(entry, trainer.model)
                with log.open("a") as lines:
                    lines.write(json.dumps(entry) + "\n")
            if total % recipe.save_every == 0 or step + 1 == phase.steps:
                trainer.save(checkpoint, phase=number, step=step + 1, total=total)
    return trainer.model


def rate_at(phase: Phase, step: int) -> float:
    """Learning rate of a step: linear between the phase's two rates, after a linear warm-up."""
    rate = phase.learning_rate + (phase.final_rate - phase.learning_rate) * step / max(1, phase.steps)
    return rate * min(1.0, (step + 1) / max(1, phase.warmup))
