"""One answer while it is being written."""

from __future__ import annotations

from collections.abc import Callable, Collection

from valuescope.edit import Edit
from valuescope.generate.answer import Answer, TokenLogprob
from valuescope.generate.request import GenerationError, Request
from valuescope.generate.sampling import RowNoise
from valuescope.generate.transcript import Transcript, text_of
from valuescope.models import NeuronModel

OnText = Callable[[str, tuple[TokenLogprob, ...]], None]


class RunningRow:
    """The state of one request: all that is needed to go on from any step, in any batch.

    `done` is set by the token, text or limit that ends the answer, and where `failed` holds an error.
    """

    def __init__(
        self,
        model: NeuronModel,
        request: Request,
        prompt: tuple[int, ...],
        stop_ids: Collection[int],
        on_text: OnText | None = None,
    ) -> None:
        self.request = request
        self.prompt = prompt
        self.drawn: list[int] = []
        self.logprobs: list[TokenLogprob] = []
        self.done = False
        self.failed: GenerationError | None = None
        self._noise = RowNoise(request.sampling.seed, request.key)
        self._stop_ids = stop_ids
        self._tokenizer = model.tokenizer
        self._finished = False
        self._on_text = on_text
        watched = on_text is not None or request.stop
        self._transcript = Transcript(model.tokenizer, request.stop) if watched else None
        self._told = 0  # log-probabilities that on_text has seen

    @property
    def edit(self) -> Edit | None:
        """The row's own edit."""
        return self.request.edit

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and answer so far."""
        return (*self.prompt, *self.drawn)

    @property
    def number(self) -> float:
        """The random number in [0, 1) that decides the next token."""
        return 0.0 if self.done or self.request.sampling.temperature == 0 else self._noise[len(self.drawn)]

    def take(self, token: int, logprob: TokenLogprob | None) -> None:
        """Add the token that was drawn; a stop token ends the answer and is not part of it."""
        if token in self._stop_ids:
            self._end(finished=True)
            return
        self.drawn.append(token)
        if logprob is not None:
            self.logprobs.append(logprob)
        if self._transcript is not None:
            piece = self._transcript.add(token)
            if self._transcript.stop is not None:
                self._end(finished=True)
                return
            self._tell(piece)
        if len(self.drawn) >= self.request.sampling.max_new_tokens:
            self._end(finished=False)

    def fail(self, error: GenerationError) -> None:
        """End the row without an answer."""
        self.failed, self.done = error, True

    def answer(self) -> Answer:
        """The answer; raises what the row failed with."""
        if self.failed is not None:
            raise self.failed
        tokens, text, stop = tuple(self.drawn), None, None
        if self._transcript is not None:
            text, stop = self._transcript.text, self._transcript.stop
            tokens = tokens[: self._transcript.tokens_of_text()]
        if text is None:
            text = text_of(self._tokenizer, self.drawn)
        return Answer(
            text=text,
            tokens=tokens,
            finished=self._finished,
            prompt_tokens=len(self.prompt),
            stop=stop,
            logprobs=None if self.request.top_logprobs is None else tuple(self.logprobs[: len(tokens)]),
        )

    def _end(self, *, finished: bool) -> None:
        self._finished, self.done = finished, True
        if self._transcript is not None:
            piece = self._transcript.rest()
            # The last bytes may have completed a stop text.
            self._finished = finished or self._transcript.stop is not None
            self._tell(piece)

    def _tell(self, piece: str) -> None:
        """Hand on a piece of text, with the log-probabilities of the tokens that it completes."""
        if self._on_text is None or self._transcript is None:
            return
        tokens = self._transcript.tokens_of_text() if self.done else self._transcript.tokens_given()
        upto = min(tokens, len(self.logprobs))
        if piece or (self.done and upto > self._told):
            self._on_text(piece, tuple(self.logprobs[self._told : upto]))
            self._told = max(self._told, upto)
