"""NeVA's exclusive neurons against its formula in plain loops."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from locate_references import VALUES, collected, value_texts
from tiny_models import tiny_model

from valuescope.locate import Evidence, LocateError, Location, locate, train_probes
from valuescope.locate.neva import apart
from valuescope.models import NeuronModel


@cache
def case() -> tuple[NeuronModel, Evidence]:
    model = tiny_model("llama")
    return model, collected(model, value_texts(pairs=20, noise=0.2))


def found(method: str = "neva-exclusive", **settings: object) -> Location:
    model, evidence = case()
    return locate(method, model, evidence, **{"accuracy": 0.0, "alpha": 0.25, **settings})


def overlap(location: Location) -> int:
    """Neurons that more than one value has."""
    return int((location.selected.sum(dim=0) > 1).sum())


def test_without_either_it_is_neva() -> None:
    paper, ours = found("neva", accuracy=0.7), found(accuracy=0.7, orthogonal=0.0, penalty=0.0)
    assert torch.equal(paper.selected, ours.selected)
    torch.testing.assert_close(paper.signed, ours.signed, rtol=0, atol=1e-6)
    assert paper.diagnostics["kept_layers"] == ours.diagnostics["kept_layers"]
    assert ours.parameters["penalty"] == 0.0
    assert "penalty" not in paper.parameters


@pytest.mark.parametrize(("orthogonal", "penalty"), [(1.0, 0.5), (0.4, 0.0), (0.0, 1.0)])
def test_it_is_its_formula(orthogonal: float, penalty: float) -> None:
    model, evidence = case()
    ours = found(orthogonal=orthogonal, penalty=penalty)
    probes = train_probes(evidence)
    for layer in range(model.layers):
        vectors = model.value_vectors(layer).double().numpy()
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        w = probes.weights[:, layer].double().numpy()
        w = w / np.linalg.norm(w, axis=1, keepdims=True)
        for v in range(len(VALUES)):
            others = [w[u] for u in range(len(VALUES)) if u != v]
            coefficients, *_ = np.linalg.lstsq(np.stack(others, axis=1), w[v], rcond=None)
            own = w[v] - orthogonal * np.stack(others, axis=1) @ coefficients
            if orthogonal == 1:
                assert max(abs(own @ other) for other in others) < 1e-9
            scores = []
            for k in range(model.width):
                s = vectors[k] @ own / np.linalg.norm(own)
                assert float(ours.signed[v, layer, k]) == pytest.approx(s, abs=1e-5)
                scores.append(max(0.0, abs(s) - penalty * max(abs(vectors[k] @ other) for other in others)))
            np.testing.assert_allclose(ours.scores[v, layer], scores, atol=1e-5)
            best = sorted(range(model.width), key=lambda k: -scores[k])[: round(0.25 * model.width)]
            assert set(ours.selected[v, layer].nonzero().flatten().tolist()) == {
                k for k in best if scores[k] > 0
            }


def test_values_share_fewer_neurons() -> None:
    paper, ours, strict = found("neva"), found(), found(penalty=1.0)
    assert overlap(strict) < overlap(ours) < overlap(paper)
    assert sum(ours.sizes().values()) == sum(paper.sizes().values())
    assert sum(strict.sizes().values()) <= sum(paper.sizes().values())


def test_no_direction_is_left_where_others_span_it() -> None:
    unit = torch.eye(3)
    directions = torch.stack([2 * unit[0], unit[1], unit[0] + unit[1]])
    assert not apart(directions, 1.0).any()
    assert torch.equal(apart(torch.stack([3 * unit[2]]), 1.0), unit[2:])
    rest = apart(torch.stack([unit[0], unit[0] + unit[1]]), 1.0)
    torch.testing.assert_close(torch.nn.functional.normalize(rest, dim=1)[1], unit[1])


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"orthogonal": 1.5}, {"orthogonal": -0.1}, {"penalty": -1}, {"alpha": 0}):
        name = next(iter(settings))
        with pytest.raises(LocateError, match=f"neva-exclusive: {name} is"):
            found(**settings)
