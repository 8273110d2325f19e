from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from board_events import scalars
from hypothesis import given
from hypothesis import strategies as st
from training_pages import LORA, grpo_run, log_of, sft_run

from tasks.model.load import load_model, load_processor
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train.adapter import add_adapter
from tasks.train.cost import Meter
from tasks.train.guards import NoGradientError, PromptMismatchError, check_gradients
from tasks.train.inputs import check_batch
from tasks.train.memory import MemoryTooSmallError, Step, at_once, check_memory, predict
from tasks.train.pages import choose_pages, read_images
from tasks.train.sft import make_rows, make_trainer, sft_stage
from tasks.train.trainer import prepare_libraries
from tasks.train.watch import FEWEST, Kind, newest_warnings, spike, warnings_of
from tasks.train_config import CostConfig


def rows(values: list[float], name: str = "loss", **more: float) -> list[dict[str, Any]]:
    return [{"step": i + 1, "loss": 1.0, name: value, **more} for i, value in enumerate(values)]


@pytest.mark.parametrize(("name", "kind"), [("loss", Kind.LOSS_SPIKE), ("grad_norm", Kind.GRADIENT_SPIKE)])
def test_a_spike(name: str, kind: Kind) -> None:
    quiet = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.1, 0.9, 1.0, 1.05]
    (warned,) = warnings_of(rows([*quiet, 7.5, 9.0, 8.0, 7.0, *quiet], name))
    assert (warned.kind, warned.step) == (kind, 12), "told once, in the second step that leaps"
    assert warned.says.startswith(f"{name} 7.5, usually 1")
    assert warnings_of(rows([*quiet, 7.5, *quiet, 9.0, *quiet], name)) == [], "a batch of hard pages now and then"
    assert warnings_of(rows(quiet * 3, name)) == []


def test_what_is_no_spike() -> None:
    falling = [5 * 0.9**i for i in range(40)]
    assert warnings_of(rows(falling)) == warnings_of(rows(falling[::-1])) == [], "a trend"
    assert spike([1.0] * FEWEST, 1.9) is None, "a plateau without any noise"
    assert spike([1.0] * FEWEST, 2.1) == 1.0
    assert spike([1.0] * (FEWEST - 1), 99.0) is None, "too few to compare with"
    signed = [0.01, -0.02, 0.0, 0.01, -0.01, 0.02, 0.0, -0.01, 0.01, 5.0]
    assert warnings_of(rows(signed, reward=0.5)) == [], "GRPO's loss lies about 0 and says nothing"


@given(st.lists(st.floats(0.5, 1.5), min_size=FEWEST, max_size=16), st.floats(0, 3))
def test_one_outlier_before_does_not_hide_a_spike(values: list[float], scale: float) -> None:
    """A mean and its deviation would."""
    usual = spike([*values, 1e6 * scale], 1e3)
    assert usual is not None
    assert usual <= 1.5


def test_shares_that_last() -> None:
    clipped = rows([0.6] * 10, "completions/clipped_ratio", reward=0.5)
    assert [(w.kind, w.step) for w in warnings_of(clipped)] == [(Kind.CLIPPED, 5), (Kind.CLIPPED, 10)]
    assert "60% of answers end at the limit" in newest_warnings(clipped)[0].says
    flat = rows([0.9] * 10, "frac_reward_zero_std", reward=0.5)
    assert [(w.kind, w.step) for w in warnings_of(flat)] == [(Kind.NO_SPREAD, 10)]
    assert warnings_of(rows([0.4] * 20, "completions/clipped_ratio", reward=0.5)) == []


def test_a_part_without_gradient() -> None:
    alive = {"text": 0.5, "vision": 0.0}
    with pytest.raises(NoGradientError, match=r"7: the vision adapter got no gradient in 3 steps \(others: text 0.5"):
        check_gradients(7, [alive] * 3)
    check_gradients(7, [alive, alive, {"text": 0.5, "vision": 1e-9}])
    check_gradients(7, [dict.fromkeys(alive, 0.0)] * 3)  # steps without a signal are GRPO's business


def test_steps_without_a_signal_do_not_hide_a_part_without_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_libraries()
    from tasks.train import callbacks

    alive, none = {"text": 0.5, "vision": 0.0}, {"text": 0.0, "vision": 0.0}
    norms = iter([alive, none, alive, none, none, alive])
    monkeypatch.setattr(callbacks, "gradient_norms", lambda _: next(norms))
    watch, state = callbacks.WatchGradients(), SimpleNamespace(global_step=0)
    watch.parts = {}
    for state.global_step in range(5):
        watch.on_pre_optimizer_step(None, state, None)
    with pytest.raises(NoGradientError, match="step 6: the vision adapter got no gradient in 3 steps"):
        watch.on_pre_optimizer_step(None, SimpleNamespace(global_step=5), None)


STEP = Step(4, 4, 16, 300, 100, 1000, recompute=False, plain_attention=True, bytes=4)


def test_memory_is_told_or_stops_the_run(untrained: str, caplog: pytest.LogCaptureFixture) -> None:
    model = add_adapter(load_model(untrained, trainable=True), LORA, 0)
    needed = at_once(predict(model, STEP))
    check_memory(model, STEP, 10 * needed)
    assert "memory" not in caplog.text
    check_memory(model, STEP, needed)
    assert f"memory: a step is predicted to take {needed / 1e9:.2f} GB, " in caplog.text
    with pytest.raises(MemoryTooSmallError, match=r"of them vision activations; there are .* GB: lower the size of"):
        check_memory(model, STEP, needed // 2)


def test_a_stage_stops_before_it_runs_out_of_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    from tasks.train.grpo import grpo_stage

    monkeypatch.setattr("tasks.train.trainer.available", lambda: 10**7)
    with pytest.raises(MemoryTooSmallError, match=r"there are 0\.01 GB: lower"):
        sft_stage(sft_run(untrained, seed=7), dataset)
    with pytest.raises(MemoryTooSmallError, match=r"there are 0\.01 GB: lower"):
        grpo_stage(grpo_run(untrained, seed=7), dataset, warm)


def test_a_run_tells_and_keeps_its_warnings(
    home: Path, caplog: pytest.LogCaptureFixture, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    """An answer of one token is always cut."""
    from tasks.train.grpo import grpo_stage

    config = grpo_run(untrained, steps=5)
    short = config.model_copy(update={"model": config.model.model_copy(update={"max_new_tokens": 20})})
    ref = grpo_stage(short, dataset, warm)
    (kept,) = Folder(ref.uri).read_json("warnings.json")
    assert (kept["kind"], kept["step"]) == (Kind.CLIPPED, 5)
    assert f"step 5: {kept['says']}" in caplog.text


def test_what_memory_depends_on(untrained: str) -> None:
    from dataclasses import replace

    model = add_adapter(load_model(untrained, trainable=True), LORA, 0)
    base = at_once(predict(model, STEP))
    assert at_once(predict(model, replace(STEP, recompute=True))) < base
    assert at_once(predict(model, replace(STEP, answers=2))) < base
    assert at_once(predict(model, replace(STEP, patches=500))) < base
    assert at_once(predict(model, replace(STEP, patches=1100))) < base, "from there on no scores are kept"
    assert at_once(predict(model, replace(STEP, images=1))) < base
    assert at_once(predict(model, replace(STEP, rollouts=10_000))) > base
    parts = predict(model, STEP)
    assert parts["weights"] == sum(p.numel() * 4 for p in model.parameters())
    assert parts["adapter and optimiser"] == 12 * sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_an_image_processor_of_its_own(tmp_path: Path, untrained: str, dataset: StageRef) -> None:
    config, processor = sft_run(untrained), load_processor(untrained)
    pages = choose_pages(dataset, "train", config.pages)[:2]
    data = make_rows(config, processor, read_images(dataset, pages), pages)
    model = add_adapter(load_model(untrained, trainable=True), config.lora, 0)
    trainer = make_trainer(config, model, processor, data, tmp_path)
    check_batch(trainer, data, config.model.prompt)
    with pytest.raises(PromptMismatchError, match=r"training asks 1\d tokens, evaluation \d\d, and they differ"):
        check_batch(trainer, data, "Convert to Markdown!")
    other = load_processor(untrained)
    other.image_processor.image_mean = [0.4] * 3
    trainer.data_collator.processor = other
    with pytest.raises(PromptMismatchError, match=r"training shows pixels of shape \(64, \d+\)"):
        check_batch(trainer, data, config.model.prompt)


def test_cost(warm: StageRef, untrained: str, dataset: StageRef) -> None:
    counts, kept = warm.counts, json.loads((Path(warm.uri) / "cost.json").read_text())
    log = log_of(warm)
    assert counts["tokens"] == kept["tokens"] == sum(row["tokens"] for row in log) > 0
    assert counts["images"] == 3 * 2
    assert 100 < counts["peak memory MB"] < 20_000
    assert counts["seconds"] >= sum(row["step_time"] for row in log) > 0
    assert "cost" not in counts, "no price was given"
    priced = sft_run(untrained).model_copy(update={"cost": CostConfig(per_hour=2.5)})
    assert sft_stage.digest(priced, dataset) == sft_stage.digest(sft_run(untrained), dataset)
    meter = Meter(started=-7200.0)
    read = meter.read(
        [{"step": 1, "tokens": 5, "step_time": 36.0}, {"step": 2, "tokens": 6, "step_time": 1}], 2, 2.5, 1
    )
    without = meter.read([], 0, 0)
    assert read["tokens"] == 11
    assert read["seconds"] == pytest.approx(without["seconds"] + 36, abs=1), "the killed run's first step counts"
    assert read["cost"] == pytest.approx(read["seconds"] / 3600 * 2.5, abs=1e-3)


def test_the_board_holds_the_log(warm: StageRef) -> None:
    log, board = log_of(warm), scalars(Path(warm.uri) / "tensorboard")
    for name in ("loss", "grad_norm", "grad_norm/text", "grad_norm/vision", "grad_norm/merger", "tokens"):
        assert [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in log] == board[name]
    assert math.hypot(*(log[1][f"grad_norm/{part}"] for part in ("text", "vision", "merger"))) == pytest.approx(
        log[1]["grad_norm"], rel=1e-3
    )


def test_a_board_of_a_store_elsewhere_goes_on(tmp_path: Path) -> None:
    """Another machine has none of the files; those of the killed run in the store give way to whole ones."""
    prepare_libraries()
    from tasks.train.board import Board

    store = Folder("memory://boards/sft/0123")
    state = SimpleNamespace(log_history=[])
    for first, last in ((1, 4), (3, 6)):  # killed after step 4, the last checkpoint is of step 2
        board = Board(tmp_path / f"machine{first}", store)
        state.log_history = state.log_history[: first - 1]
        board.on_train_begin(None, state, None)
        for step in range(first, last + 1):
            state.log_history.append({"step": step, "loss": float(step), "epoch": 0.5, "why": None})
            board.on_log(None, state, None)
            if step == 2:
                board.on_save(None, state, None)
        board.close()
    store.pull(tmp_path / "pulled")
    assert scalars(tmp_path / "pulled") == {"loss": [(step, float(step)) for step in range(1, 7)]}


def test_what_grpo_costs(home: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    from tasks.train.grpo import grpo_stage

    priced = grpo_run(untrained, steps=1).model_copy(update={"cost": CostConfig(per_hour=3600)})
    ref = grpo_stage(priced, dataset, warm)
    assert ref.counts["images"] == 2
    assert ref.counts["cost"] == pytest.approx(ref.counts["seconds"], abs=0.1)
    assert log_of(ref)[0]["tokens"] == ref.counts["tokens"] > 4 * 24
