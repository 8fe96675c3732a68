"""What the engine's batching gains over one call per request, and what it costs beside batches made by hand."""

from __future__ import annotations

from measure import Row, alternate, compare
from settings import Settings, random_llama, random_texts

from valuescope.generate import Engine, Request, Sampling, ScoreRequest, generate, log_likelihood_encoded
from valuescope.models import Encoded, encode

_ONE_BY_ONE = 4
_OPTIONS = 5


def rows(settings: Settings) -> list[Row]:
    """Greedy answers and scores: all submitted at once, against batches of `generate` and against single calls."""
    model = random_llama(settings)
    prompts = random_texts(2 * settings.rows, settings.prompt, settings.vocabulary)
    sampling = Sampling(settings.new_tokens, temperature=0)
    requests = [Request(prompt, sampling=sampling, key=str(n)) for n, prompt in enumerate(prompts)]
    encoded = encode(model, prompts)
    options = [(token,) for token in range(1, 1 + _OPTIONS)]
    scores = [ScoreRequest(row.input_ids, tuple(options)) for row in encoded]
    scored = [Encoded((*row.input_ids, *option), len(row.input_ids)) for row in encoded for option in options]
    with Engine(model, max_rows=settings.rows) as engine:
        seconds = alternate(
            {
                "engine": lambda: engine.run(requests),
                "generate": lambda: generate(
                    model, prompts, sampling=sampling, batch_size=settings.rows, stop_ids=()
                ),
                "engine, few": lambda: engine.run(requests[:_ONE_BY_ONE]),
                "one by one": lambda: [
                    generate(model, [prompt], sampling=sampling, stop_ids=())
                    for prompt in prompts[:_ONE_BY_ONE]
                ],
                "engine, scores": lambda: engine.run(scores),
                "log_likelihood": lambda: log_likelihood_encoded(model, scored, batch_size=settings.rows),
            },
            settings.rounds,
        )
        same = engine.run(requests) == generate(
            model, prompts, sampling=sampling, batch_size=settings.rows, stop_ids=()
        )
    shape = f"{len(prompts)} answers of {settings.new_tokens} tokens, {settings.rows} rows"
    return [
        compare(
            seconds, "engine", "generate", f"{shape}; {'equal' if same else 'some differ (rounding)'} answers"
        ),
        compare(seconds, "engine, few", "one by one", f"{_ONE_BY_ONE} answers, one `generate` call each"),
        compare(seconds, "engine, scores", "log_likelihood", f"{_OPTIONS} options behind each prompt"),
    ]
