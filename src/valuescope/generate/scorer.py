"""Score requests of an engine, read in pieces so that they hold the answers up for a moment only."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from valuescope.edit import EditBank
from valuescope.generate.jobs import ScoreJob, alike
from valuescope.generate.memory import is_out_of_memory
from valuescope.generate.readings import Reading, score_readings
from valuescope.models import NeuronModel

_LOGITS = 1 << 27  # numbers in one piece
_CALM_PIECES = 16  # without an out-of-memory error, after which larger ones are tried again

Piece = list[tuple[ScoreJob, Reading]]


class Scorer:
    """The score requests that have begun; `read` reads a piece of them: at most `rows` rows of about the same length,
    and `tokens` tokens with their padding."""

    def __init__(self, model: NeuronModel, bank: EditBank, *, rows: int, tokens: int) -> None:
        self.jobs: list[ScoreJob] = []
        self._model = model
        self._bank = bank
        self._rows = self._rows_now = rows
        self._tokens = tokens
        self._calm = 0

    def read(self, piece: Piece) -> list[ScoreJob]:
        """Read a piece; returns the jobs that it completes. Whatever it fails with, nothing is lost."""
        logprobs = score_readings(
            self._model,
            [reading for _, reading in piece],
            self._bank,
            edits=[job.request.edit for job, _ in piece],
            on=[job.request.on for job, _ in piece],
            tops=[job.request.top_logprobs for job, _ in piece],
        )
        for (job, reading), tokens in zip(piece, logprobs, strict=True):
            job.take(reading, tokens)
            job.waiting.remove(reading)
        self._calm += 1
        if self._calm >= _CALM_PIECES and self._rows_now < self._rows:
            self._rows_now, self._calm = min(self._rows, 2 * self._rows_now), 0
        finished = [job for job in self.jobs if not job.waiting]
        self.jobs = [job for job in self.jobs if job.waiting]
        return finished

    def read_apart(
        self, piece: Piece, error: Exception
    ) -> tuple[list[ScoreJob], list[tuple[ScoreJob, Exception]]]:
        """After a piece failed with `error`: each of its jobs alone, so that only the ones at fault are taken out.

        Returns the jobs that are complete, and those that failed with their errors. One that runs out of memory stays.
        """
        jobs = list(dict.fromkeys(job for job, _ in piece))
        finished = list[ScoreJob]()
        failed = [(jobs[0], error)] if len(jobs) == 1 else list[tuple[ScoreJob, Exception]]()
        for job in jobs if len(jobs) > 1 else ():
            try:
                finished += self.read([part for part in piece if part[0] is job])
            except Exception as fault:
                if not is_out_of_memory(fault):
                    failed.append((job, fault))
        self.take_out([job for job, _ in failed])
        return finished, failed

    def shrink(self, piece: Piece) -> None:
        """A piece was too large: read less at once for a while."""
        self._rows_now, self._calm = max(1, len(piece) // 2), 0

    def next_piece(self) -> Piece:
        """The first reading of the oldest job, and others of about its length."""
        piece: Piece = []
        longest = scored = 0
        for job, reading in self._waiting():
            if piece and not alike(len(reading.ids), len(piece[0][1].ids)):
                continue
            longest, scored = max(longest, len(reading.ids)), max(scored, reading.scored)
            rows = len(piece) + 1
            kept = scored if self._model.takes_logits_to_keep else longest
            if piece and (
                rows > self._rows_now
                or rows * longest > self._tokens
                or rows * kept * self._vocabulary > _LOGITS
            ):
                break
            piece.append((job, reading))
        return piece

    def take_out(self, jobs: list[ScoreJob]) -> None:
        """Forget these jobs."""
        self.jobs = [job for job in self.jobs if job not in jobs]

    @property
    def _vocabulary(self) -> int:
        weight: torch.Tensor = self._model.model.get_input_embeddings().weight
        return weight.shape[0]

    def _waiting(self) -> Iterator[tuple[ScoreJob, Reading]]:
        return ((job, reading) for job in self.jobs for reading in job.waiting)
