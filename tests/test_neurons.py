"""Neuron pages: peaks and effects against slow references, and pages that nothing a text says can break."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from edit_samples import some_neurons
from run_samples import TWO, save_tiny_model
from steering_samples import some_vectors
from tiny_models import WORDS, tiny_model

from valuescope.activations import ActivationError
from valuescope.cli import main
from valuescope.data.records import LabelledText
from valuescope.edit import AddVector, Deactivate, EditError, Modulate
from valuescope.models import NeuronModel, encode, load_model, site_hooks
from valuescope.neurons import portraits, read_peaks
from valuescope.neurons.edit_files import read_neuron_sets
from valuescope.neurons.pages import PageHead, shade, write_neuron_pages

GENERATOR = torch.Generator().manual_seed(4)
TEXTS = [
    LabelledText(
        label=f"care|{'for' if number % 2 else 'against'}",
        prompt=" ".join(
            WORDS[place] for place in torch.randint(len(WORDS), (3 + number % 7,), generator=GENERATOR)
        ),
    )
    for number in range(40)
]


@pytest.fixture(scope="module", params=["llama", "gpt2", "opt"])
def model(request: pytest.FixtureRequest) -> NeuronModel:
    return tiny_model(request.param)


def activations(model: NeuronModel, layer: int, index: int) -> tuple[list[list[float]], list[list[float]]]:
    """m and a of one neuron at every token of every text, read one by one."""
    products, gates = list[list[float]](), list[list[float]]()
    for row in encode(model, [text.prompt for text in TEXTS]):
        read = dict[str, list[float]]()

        def gate(_: int, a: torch.Tensor, read: dict[str, list[float]] = read) -> None:
            read["a"] = a[0, :, index].tolist()

        def product(_: int, m: torch.Tensor, read: dict[str, list[float]] = read) -> None:
            read["m"] = m[0, :, index].tolist()

        with torch.no_grad(), site_hooks(model, gate=gate, product=product, layers=[layer]):
            model.model(torch.tensor([row.input_ids]))
        products.append(read["m"])
        gates.append(read["a"])
    return products, gates


def test_peaks_equal_a_slow_reference_in_any_batch(model: NeuronModel) -> None:
    layers, indices = torch.tensor([2, 0, 2, 1]), torch.tensor([5, 11, 0, 47])
    rows = encode(model, [text.prompt for text in TEXTS])
    peaks = read_peaks(model, rows, layers, indices, keep=5, batch_size=7)
    alone = read_peaks(model, rows, layers, indices, keep=5, batch_size=1)
    torch.testing.assert_close(peaks.values, alone.values, atol=1e-5, rtol=1e-5)
    assert torch.equal(peaks.texts, alone.texts)
    assert torch.equal(peaks.places, alone.places)
    for neuron in range(len(layers)):
        products, gates = activations(model, int(layers[neuron]), int(indices[neuron]))
        counted = [a > 0 for line in gates for a in line[1:]]  # every text begins with <s>
        assert float(peaks.active[neuron]) == pytest.approx(sum(counted) / len(counted))
        assert peaks.tokens == len(counted)
        for number, side in enumerate((1, -1)):
            best = sorted((-max(side * m for m in line[1:]), text) for text, line in enumerate(products))[:5]
            assert peaks.texts[number, neuron].tolist() == [text for _, text in best]
            for rank, (value, text) in enumerate(best):
                assert float(peaks.values[number, neuron, rank]) * side == pytest.approx(-value, abs=1e-5)
                place = int(peaks.places[number, neuron, rank])
                assert side * products[text][place] == pytest.approx(-value, abs=1e-5)


def test_fewer_texts_than_are_kept_leave_gaps_and_none_is_an_error(model: NeuronModel) -> None:
    rows = encode(model, ["we help", "they win"])
    peaks = read_peaks(model, rows, torch.tensor([0]), torch.tensor([3]), keep=3)
    assert peaks.texts[:, 0, 2].tolist() == [-1, -1]
    assert math.isnan(float(peaks.values[0, 0, 2]))
    with pytest.raises(ActivationError, match="0 texts"):
        read_peaks(model, [], torch.tensor([0]), torch.tensor([3]))


def test_portraits_show_tokens_words_and_what_zeroing_costs(model: NeuronModel) -> None:
    neurons = some_neurons(model, 1).top(4)
    drawn = portraits(model, neurons, TEXTS, keep=3, words=4, batch_size=8)
    assert [abs(portrait.score) for portrait in drawn] == sorted(
        (abs(portrait.score) for portrait in drawn), reverse=True
    )
    rows = encode(model, [text.prompt for text in TEXTS])
    for portrait in drawn:
        products, _ = activations(model, portrait.layer, portrait.index)
        head = model.model.get_output_embeddings().weight
        raised = head @ model.value_vectors(portrait.layer)[portrait.index]
        assert portrait.promotes[0] == model.token_text(int(raised.argmax()))
        assert portrait.demotes[0] == model.token_text(int(raised.argmin()))
        spots = dict[int, int]()
        for excerpt in (*portrait.highest, *portrait.lowest):
            ids = rows[excerpt.number].input_ids
            place = products[excerpt.number].index(
                min(products[excerpt.number], key=lambda m, e=excerpt: abs(m - e.activations[e.peak]))
            )
            start = place - excerpt.peak
            shown = ids[start : start + len(excerpt.tokens)]
            assert excerpt.tokens == tuple(model.token_text(token) for token in shown)
            assert excerpt.label == TEXTS[excerpt.number].label
            if place + 1 < len(ids):
                spots[excerpt.number] = min(place, spots.get(excerpt.number, place))
        changes = [
            change(model, neurons, portrait, rows[number].input_ids, spot) for number, spot in spots.items()
        ]
        if not changes:
            assert portrait.effect.mean is None
            continue
        assert portrait.effect.n == len(changes)
        assert portrait.effect.mean == pytest.approx(sum(changes) / len(changes), abs=1e-5)


def change(model: NeuronModel, neurons, portrait, ids: tuple[int, ...], spot: int) -> float:  # type: ignore[no-untyped-def]
    """By the weights: the value vector set to zero, one text alone."""
    place = next(
        place
        for place in range(len(neurons))
        if (int(neurons.layers[place]), int(neurons.indices[place])) == (portrait.layer, portrait.index)
    )
    from valuescope.edit import weights_edited

    def logprobs() -> torch.Tensor:
        with torch.no_grad():
            lines = model.model(torch.tensor([ids])).logits[0].float().log_softmax(dim=-1)
        return lines[spot:-1].gather(1, torch.tensor(ids[spot + 1 :])[:, None])

    before = logprobs()
    with weights_edited(model, Deactivate(neurons.only(place))):
        return float((logprobs() - before).mean())


def test_pages_are_whole_escaped_and_linked(tmp_path: Path) -> None:
    model = tiny_model("llama")
    neurons = some_neurons(model, 1).top(3)
    drawn = portraits(model, neurons, TEXTS, keep=2)
    hostile = '<script>alert(1)</script>\x1b"\u202e'
    excerpt = replace(drawn[0].highest[0], label=hostile, tokens=(hostile,) * len(drawn[0].highest[0].tokens))
    drawn[0] = replace(drawn[0], highest=(excerpt,), promotes=(hostile,))
    head = PageHead("tiny & small", "f" * 64, "files", len(TEXTS))
    index = write_neuron_pages(tmp_path, head, {"care/../x": drawn})
    pages = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(pages) == {"index.html", "care----x.html"}
    for html in pages.values():
        assert "<script>alert" not in html
        assert "\x1b" not in html
        assert "\u202e" not in html
        assert "tiny &amp; small" in html
        assert "http://" not in html
        assert "https://" not in html
    for portrait in drawn:
        address = f"l{portrait.layer}-n{portrait.index}"
        assert f'href="care----x.html#{address}"' in pages["index.html"]
        assert f'id="{address}"' in pages["care----x.html"]
    before = index.read_bytes()
    assert write_neuron_pages(tmp_path, head, {"care/../x": drawn}).read_bytes() == before


@pytest.mark.parametrize(("m", "expected"), [(0.0, ""), (2.0, "p6"), (-2.0, "n6"), (-1.0, "n3"), (0.1, "")])
def test_shades(m: float, expected: str) -> None:
    assert shade(m, 2.0) == expected


def test_the_command_reads_a_folder_of_edits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_tiny_model(tmp_path / "model")
    model = load_model(str(folder))
    for value in TWO:
        Modulate(replace(some_neurons(model, 2), value=value)).save(tmp_path / "edits" / f"{value}.json")
    out = tmp_path / "pages"
    sizes = ["-d", "texts=4", "-d", "descriptions=4", "-d", "pairs=4"]
    arguments = [
        "neurons",
        str(tmp_path / "edits"),
        "--source",
        "organism",
        *sizes,
        "--top",
        "2",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    assert str(out / "index.html") in capsys.readouterr().out
    assert {path.stem for path in out.iterdir()} == {"index", *TWO, "random-neurons"}


def test_what_holds_no_neurons_is_said(tmp_path: Path) -> None:
    model = tiny_model("llama")
    with pytest.raises(EditError, match="no edit files there"):
        read_neuron_sets([tmp_path])
    vector = AddVector(some_vectors(model, 1)).save(tmp_path / "vector.json")
    with pytest.raises(EditError, match="has no neurons"):
        read_neuron_sets([vector])
    first = Modulate(some_neurons(model, 1)).save(tmp_path / "one.json")
    with pytest.raises(EditError, match="neurons of 'care' already"):
        read_neuron_sets([first, first])
    for method in ("neva", "vape"):
        Modulate(some_neurons(model, 1)).save(tmp_path / "run" / "edits" / method / "care.json")
    with pytest.raises(EditError, match="edits of 2 methods"):
        read_neuron_sets([tmp_path / "run"])
    assert set(read_neuron_sets([tmp_path / "run" / "edits" / "neva"])) == {"care"}
