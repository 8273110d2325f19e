"""TRL's GRPOTrainer with guidance injection, for pages and for counting. Import after `trainer.prepare_libraries`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from trl import GRPOTrainer

from tasks.guidance_config import GuidanceConfig
from tasks.records import UsageError
from tasks.train.guidance import answer_tokens, choose, summary

_SEEN = ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids", "token_type_ids", "image_sizes")


class GuidedTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPOTrainer (trl 1.14.2) that scores answers where it samples them, so that some can give way to right ones.

    `answer` makes of a row of the dataset the right answer in the form that the prompt asks for. There is one reward
    function, a plain one, and prompts are conversations. What trl logs of rewards (reward, reward_std, rewards/*, and
    what the function logs itself) is of the policy's own answers; frac_reward_zero_std, completions/*, entropy and
    clip_ratio/* are of those trained on. `guidance.summary` is logged beside them.

    Nothing is put in outside of `train`: a probe sees the policy alone.

    Raises UsageError where the answers of a group may lie in several processes, StageError for a right answer that is
    longer than an answer can be.
    """

    def __init__(
        self, model: Any, guidance: GuidanceConfig, answer: Callable[[Mapping[str, Any]], str], **options: Any
    ) -> None:
        super().__init__(model=model, **options)
        self.guidance, self.answer = guidance, answer
        self._alone = self.accelerator.num_processes == 1
        if guidance.mode != "none" and not self._alone:
            raise UsageError("guidance needs all answers of a group in one process; train in one, or set mode = 'none'")

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = inputs
        self._rewards: torch.Tensor | None = None
        self._injected: list[int] = []
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if self._injected:
            self._log_own()
            self._weigh(batch)
        return batch

    def _generate_single_turn(
        self, prompt_ids: Any, images: Any, multimodal_fields: Any, num_generations: int, *rest: Any, **options: Any
    ) -> Any:
        ids, logprobs = super()._generate_single_turn(
            prompt_ids, images, multimodal_fields, num_generations, *rest, **options
        )
        if not (self.is_in_train and self.model.training and self._alone):
            return ids, logprobs
        self._own = super()._calculate_rewards(self._rows, self._column("prompt"), self._completions(ids), ids)
        rewards = self._rewards = self._own.clone()
        before = self._own.view(-1, num_generations).tolist()
        step, steps = self.state.global_step // self.num_iterations, self.args.max_steps // self.num_iterations
        chosen = choose(self.guidance, before, self.args.seed, step, steps)
        self._injected = [group * num_generations + place for group, place in chosen.items()]
        for i in self._injected:
            ids[i] = answer_tokens(self._tokenizer, self.answer(self._rows[i]), self.max_completion_length)
            rewards[i] = self._reward(i, ids[i])
            if logprobs is not None:
                logprobs[i] = [float("nan")] * len(ids[i])  # to trl: not known, so not corrected
        after = rewards.view(-1, num_generations).tolist()
        for name, value in summary(self.guidance, before, after, chosen).items():
            self._metrics["train"][name].append(value)
        return ids, logprobs

    def _calculate_rewards(self, *inputs: Any) -> Any:
        return super()._calculate_rewards(*inputs) if self._rewards is None else self._rewards

    def _completions(self, ids: list[list[int]]) -> list[list[dict[str, str]]]:
        texts = self.processing_class.batch_decode(ids, skip_special_tokens=True)
        return [[{"role": "assistant", "content": text}] for text in texts]

    def _column(self, name: str) -> list[Any]:
        return [row[name] for row in self._rows]

    def _reward(self, i: int, ids: list[int]) -> float:
        """What the answer that was put in for row `i` earns; nothing of it is logged."""
        columns = {name: [value] for name, value in self._rows[i].items() if name != "prompt"}
        [reward] = self.reward_funcs[0](completions=self._completions([ids]), log_metric=lambda *_: None, **columns)
        return float(reward)

    def _log_own(self) -> None:
        logged, name = self._metrics["train"], self.reward_func_names[0]
        for mean, deviation in (("reward", "reward_std"), (f"rewards/{name}/mean", f"rewards/{name}/std")):
            logged[mean][-1], logged[deviation][-1] = self._own.mean().item(), self._own.std().item()

    def _weigh(self, batch: dict[str, Any]) -> None:
        """Tell the loss what the tokens that were put in count; see `GuidanceConfig.weighting`."""
        mask = batch["completion_mask"]
        if self.guidance.weighting == "masked":
            batch["tool_mask"] = torch.ones_like(mask)
            batch["tool_mask"][self._injected] = 0
            batch["num_items_in_batch"] = batch["num_items_in_batch"] - mask[self._injected].sum()
        elif self.guidance.weighting == "importance":
            if "old_per_token_logps" not in batch:  # trl leaves it out where it is the policy's own
                batch["old_per_token_logps"] = self._log_probs(batch)
            batch["old_per_token_logps"][self._injected] = 0

    @torch.no_grad()
    def _log_probs(self, batch: dict[str, Any]) -> torch.Tensor:
        ids, mask = (torch.cat([batch[f"prompt_{x}"], batch[f"completion_{x}"]], 1) for x in ("ids", "mask"))
        logp: torch.Tensor = self._get_per_token_logps_and_entropies(
            self.model,
            ids,
            mask,
            batch["completion_ids"].shape[1],
            batch_size=self.args.per_device_train_batch_size,
            **{name: batch[name] for name in _SEEN if name in batch},
        )[0]
        return logp
