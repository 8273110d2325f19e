"""GRPO from scratch (arXiv 2402.03300, section 4.1; the second article): one file to learn it from.

Each step: sample a group of answers to each of a few images; give every answer a reward; an answer's advantage is
how far its reward lies above the mean of its group, in standard deviations; raise the probability of the tokens of
answers with a positive advantage and lower that of the others, a few times, not too far. No critic, no reward model.

Shapes: B images, a group of G answers to each, N = B * G answers, P tokens of a prompt, T of the longest answer.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from tasks.counting.grpo_config import CountingGrpoConfig
from tasks.model.prompts import prompt_text
from tasks.records import digest
from tasks.train.grpo import image_tokens
from tasks.train.guidance import answer_tokens, choose, summary

if TYPE_CHECKING:
    from tasks.counting.data import Example
    from tasks.counting.prompts import Prompt

Row = dict[str, float]
Inputs = dict[str, torch.Tensor]
BETAS, WEIGHT_DECAY, MAX_GRAD_NORM = (0.9, 0.95), 0.0, 1.0


def train(
    model: Any,
    processor: Any,
    examples: Sequence[Example],
    prompt: Prompt,
    config: CountingGrpoConfig,
    on_step: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Teach `model` in place; all parameters that require a gradient are trained. Returns the log, a row a step.

    A row holds: step (from 1); of the policy's own answers, before any guidance, policy/reward, policy/right,
    policy/digit (share that give a count), policy/signal, length (tokens), entropy (nats a token); guidance/injected,
    guidance/signal, guidance/all_right, guidance/all_wrong (`guidance.summary`); and means over the epochs: loss,
    grad_norm (before clipping), clip (share of tokens whose ratio is clipped). Where no group has a signal, and there
    is no KL term, no optimizer step is made, and loss, grad_norm and clip are 0.

    A run is minutes on a tiny model, and so is not resumed: whoever makes many keeps each one's result.
    The same model, examples and configuration give the same log and weights, on one kind of CPU and number of
    threads. Raises StageError for a guided answer that is longer than `max_new_tokens`.
    """
    if config.engine == "trl":
        from tasks.counting.trl import train as train_with_trl

        return train_with_trl(model, processor, examples, prompt, config, on_step)
    policy = Policy(model.eval(), processor, prompt.text, config)  # no dropout: it would make ratios noisy
    reference = Policy(copy.deepcopy(model), processor, prompt.text, config) if config.beta else None
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, betas=BETAS, weight_decay=WEIGHT_DECAY)
    generator = torch.Generator(model.device).manual_seed(config.seed)
    order = draw(examples, config)
    log: list[Row] = []
    for step in range(config.steps):
        batch = order[step * config.prompts : (step + 1) * config.prompts]
        inputs = policy.look([example.image for example in batch])

        # rollout: G answers to each image, and what they earn
        answers, entropy = policy.sample(inputs, generator)
        texts = processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        truths = [example.count for example in batch for _ in range(config.generations)]
        own = [prompt.judge(text, truth).reward for text, truth in zip(texts, truths, strict=True)]
        row = {"step": step + 1, "policy/digit": sum(reward >= 0 for reward in own) / len(own)}
        row |= {"length": sum(map(len, answers)) / len(answers), "entropy": entropy}

        # guidance: in some groups one answer gives way to a right one
        rewards, before = list(own), split(own, config.generations)
        chosen = choose(config.guidance, before, config.seed, step, config.steps)
        injected = [group * config.generations + place for group, place in chosen.items()]
        for i in injected:
            text = prompt.answer(truths[i])
            answers[i] = answer_tokens(processor.tokenizer, text, config.max_new_tokens)
            rewards[i] = prompt.judge(text, truths[i]).reward
        after = split(rewards, config.generations)
        row |= summary(config.guidance, before, after, chosen)

        # learning: several epochs on this batch
        row |= {"loss": 0.0, "grad_norm": 0.0, "clip": 0.0}
        if row["guidance/signal"] or reference:
            tokens, weights = pad(answers, policy.padding, model.device)
            if config.guidance.weighting == "masked":
                weights[injected] = 0
            gain = advantages(torch.tensor(after)).to(model.device)
            old = kl_to = None
            if reference:
                with torch.no_grad():
                    kl_to = reference.log_probs(inputs, tokens)
            for _ in range(config.epochs):
                logp = policy.log_probs(inputs, tokens)
                if old is None:  # before the first update the policy is still the one that sampled
                    old = logp.detach().clone()
                    if config.guidance.weighting == "importance":
                        old[injected] = 0  # whoever put the answer in did so with probability 1
                loss, clipped = objective(logp, old, gain, weights, config.clip, config.beta, kl_to)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)
                optimizer.step()
                for name, value in (("loss", loss), ("grad_norm", norm), ("clip", clipped)):
                    row[name] += value.item() / config.epochs
        log.append(row)
        if on_step:
            on_step(row)
    return log


def advantages(rewards: torch.Tensor) -> torch.Tensor:
    """(B, G) -> (N, 1): how many standard deviations a reward lies above the mean of its group.

    In a group of equal rewards all are 0: it teaches nothing.
    """
    mean, deviation = rewards.mean(1, keepdim=True), rewards.std(1, keepdim=True)
    return ((rewards - mean) / (deviation + 1e-4)).reshape(-1, 1)


def objective(
    logp: torch.Tensor,
    old: torch.Tensor,
    gain: torch.Tensor,
    weights: torch.Tensor,
    clip: float,
    beta: float = 0.0,
    reference: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss, and the share of tokens at which it is clipped; logp, old, weights, reference (N, T), gain (N, 1).

    The ratio to the sampling policy makes later epochs unbiased; the minimum takes away what would be won by moving
    it further than `clip`. Mean over the tokens of an answer, then over answers. KL: the k3 estimate,
    weighted with the ratio, for an unbiased gradient (arXiv 2512.02556).
    """
    ratio = (logp - old).exp()
    won = torch.min(ratio * gain, ratio.clamp(1 - clip, 1 + clip) * gain)
    if reference is not None:
        won = won - beta * ratio * ((reference - logp).exp() - (reference - logp) - 1)
    loss = -((won * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()
    clipped = ((ratio < 1 - clip) & (gain < 0)) | ((ratio > 1 + clip) & (gain > 0))
    return loss, (clipped * weights).sum() / weights.sum().clamp(min=1)


class Policy:
    """A Qwen-VL model that answers one prompt about images.

    The answers of a group begin with the same image and prompt, often most of their tokens. So this
    prefix is computed once for each image; its keys and values are then repeated for the group, gradient included.
    """

    def __init__(self, model: Any, processor: Any, prompt: str, config: CountingGrpoConfig) -> None:
        self.model, self.processor, self.config = model, processor, config
        self.prompt = prompt_text(processor, prompt)
        self.padding: int = processor.tokenizer.pad_token_id
        ends = model.generation_config.eos_token_id
        self.ends = torch.tensor(ends, device=model.device).flatten()
        self.barred = image_tokens(model)  # an untrained policy may sample them, and no answer holds an image

    def look(self, images: Sequence[Any]) -> Inputs:
        """The model's inputs for B images under the prompt."""
        batch = self.processor(
            images=[[image] for image in images],
            text=[self.prompt] * len(images),
            padding=True,
            padding_side="left",
            return_tensors="pt",
        )
        return dict(batch.to(self.model.device, self.model.dtype))

    def prefix(self, inputs: Inputs) -> tuple[torch.Tensor, Any, torch.Tensor, torch.Tensor]:
        """Logits of the first token (N, vocabulary), the cache, the first token's position (N, 1), the mask (N, P)."""
        group = self.config.generations
        output = self.model(**inputs, use_cache=True, logits_to_keep=1)
        cache, mask = output.past_key_values, inputs["attention_mask"]
        cache.batch_repeat_interleave(group)
        # an image takes fewer positions than tokens
        position = mask.sum(1, keepdim=True) + output.rope_deltas.reshape(-1, 1)
        first, position, mask = (x.repeat_interleave(group, 0) for x in (output.logits[:, -1], position, mask))
        return first, cache, position, mask

    def follow(self, tokens: torch.Tensor, cache: Any, position: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (N, L, vocabulary) after each of L further tokens (N, L); the first is at `position`."""
        places = position + torch.arange(tokens.shape[1], device=tokens.device)
        seen = cache.get_seq_length() - mask.shape[1] + tokens.shape[1]
        logits: torch.Tensor = self.model(
            input_ids=tokens,
            past_key_values=cache,
            position_ids=places.expand(3, -1, -1),
            attention_mask=torch.cat([mask, mask.new_ones(len(mask), seen)], 1),
            use_cache=True,
        ).logits
        return logits

    @torch.no_grad()
    def sample(self, inputs: Inputs, generator: torch.Generator) -> tuple[list[list[int]], float]:
        """N answers as token ids, the end token included where one was reached, and their entropy in nats a token."""
        logits, cache, position, mask = self.prefix(inputs)
        running = torch.ones(len(logits), dtype=torch.bool, device=logits.device)
        columns: list[torch.Tensor] = []
        lengths, entropy = torch.zeros_like(running, dtype=torch.long), torch.zeros((), device=logits.device)
        for place in range(self.config.max_new_tokens):
            logits[:, self.barred] = -torch.inf
            chances = (logits.float() / self.config.temperature).softmax(-1)
            token = torch.multinomial(chances, 1, generator=generator)
            columns.append(token)
            lengths += running
            entropy += (torch.special.entr(chances).sum(1) * running).sum()
            running &= ~torch.isin(token[:, 0], self.ends)
            if not running.any() or place + 1 == self.config.max_new_tokens:
                break
            logits = self.follow(token, cache, position + place, mask)[:, -1]
        ids = torch.cat(columns, 1).tolist()
        answers = [answer[:length] for answer, length in zip(ids, lengths.tolist(), strict=True)]
        return answers, (entropy / lengths.sum()).item()

    def log_probs(self, inputs: Inputs, tokens: torch.Tensor) -> torch.Tensor:
        """(N, T): log-probability of each token, given the image, the prompt and the tokens before it."""
        first, cache, position, mask = self.prefix(inputs)
        logits = first[:, None]
        if tokens.shape[1] > 1:
            logits = torch.cat([logits, self.follow(tokens[:, :-1], cache, position, mask)], 1)
        logp = (logits.float() / self.config.temperature).log_softmax(-1)
        return logp.gather(2, tokens[..., None])[..., 0]


def draw(examples: Sequence[Example], config: CountingGrpoConfig) -> list[Example]:
    """The images of all steps: pass after pass over all, each in an order of its own. Both engines take these."""
    drawn: list[Example] = []
    while len(drawn) < config.steps * config.prompts:
        drawn += random.Random(digest("order", str(config.seed), str(len(drawn)))).sample(examples, len(examples))
    return drawn[: config.steps * config.prompts]


def split(values: Sequence[float], size: int) -> list[list[float]]:
    return [list(values[i : i + size]) for i in range(0, len(values), size)]


def pad(answers: Sequence[Sequence[int]], padding: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (N, T), padded on the right, and the weight of each in the loss: 1, or 0 of the padding."""
    sequences = [torch.tensor(answer, device=device) for answer in answers]
    weights = [torch.ones(len(answer), device=device) for answer in answers]
    stack = torch.nn.utils.rnn.pad_sequence
    return stack(sequences, batch_first=True, padding_value=padding), stack(weights, batch_first=True)
