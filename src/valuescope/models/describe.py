"""The sites of a model as text, for people."""

from __future__ import annotations

from valuescope.models.neuron_model import NeuronModel


def describe_sites(model: NeuronModel) -> str:
    """A table with one line per layer: both sites, width, kind, and the proof's numbers where it ran."""
    identity = model.identity
    revision = f" at {identity.revision}" if identity.revision else ""
    lines = [
        f"{identity.id}{revision} ({type(model.model).__name__}, {str(model.dtype).removeprefix('torch.')})",
        f"fingerprint {identity.fingerprint}",
        f"{model.layers} layers x {model.width} neurons = {model.neurons}; residual stream of {model.hidden}",
        "",
    ]
    header = ["layer", "gate (output of)", "product (input of)", "width", "kind", "neuron", "effect", "error"]
    rows = [header]
    for site in model.sites:
        proof = model.proof.layers[site.layer] if model.proof else None
        rows.append(
            [
                str(site.layer),
                site.activation,
                site.down,
                str(site.width),
                "gated" if site.gated else "plain",
                str(proof.neuron) if proof else "-",
                f"{proof.effect:.3g}" if proof else "-",
                f"{max(proof.gate_error, proof.product_error):.3g}" if proof else "-",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.append("")
    if model.proof is None:
        lines.append("The sites were not checked.")
    else:
        lines += [
            "Proven: in each layer one neuron was zeroed at the gate, at the product and in the weights;",
            "each way changed the layer's output by `effect`; the three results differ by at most `error`.",
            f"All of these neurons off at once: the logits change by {model.proof.logit_effect:.3g}, "
            f"hooks and weights differ by {model.proof.logit_error:.3g}.",
        ]
    return "\n".join(lines)
