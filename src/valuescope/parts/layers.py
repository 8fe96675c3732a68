"""How many neurons each method found in each layer, by value (NeVA, figure 4; ValueLocate, figure 5)."""

from __future__ import annotations

from collections.abc import Mapping

from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import neuron_sets
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import FoundRoot
from valuescope.parts.method import methods_of
from valuescope.report.blocks import Section
from valuescope.report.names import method_name, setting_name
from valuescope.report.plots import counts_facet, heat_maps
from valuescope.report.table import records


class LayersFound(FoundRoot[dict[str, tuple[int, ...]]]):
    """By value the neurons in each layer, from the first; empty for an edit that takes no neurons."""


class Layers(Part[None]):
    """Where the neurons of every method's headline setting lie."""

    place, order, Found = "methods.*.neurons_per_layer", 110, LayersFound

    def measure(self, lab: Laboratory) -> Mapping[str, LayersFound]:
        """The counts of every method."""
        found = {}
        for name, method in lab.spec.methods.items():
            setting = lab.settings[name]
            sets = {} if method.intervention else neuron_sets(lab.locations.of(method, setting), setting)
            counts = {
                value: tuple(neurons.layers.bincount(minlength=neurons.model.layers).tolist())
                for value, neurons in sets.items()
            }
            found[name] = LayersFound(counts)
        return found

    @classmethod
    def view(cls, found: Mapping[str, LayersFound], result: Result) -> Section:
        """A panel for each method: rows are values, columns layers."""
        methods = methods_of(result)
        facets = [
            counts_facet(
                method_name(name),
                setting_name(methods[name].setting),
                [(result.head.value_name(value), layers.root.get(value)) for value in result.head.values],
                place,
            )
            for place, (name, layers) in enumerate(found.items())
            if any(layers.root.values())
        ]
        figure = heat_maps(
            "neurons_per_layer",
            "Neurons found in each layer",
            "Rows are values, columns are layers counted from 1; the bars above add up the values, the numbers on the "
            "right add up the layers.",
            facets,
        )
        rows = [
            (name, methods[name].setting, value, layer, count)
            for name, layers in found.items()
            for value, counts in layers.root.items()
            for layer, count in enumerate(counts, start=1)
        ]
        table = records("neurons_per_layer", "method setting value layer_from_1 neurons", rows)
        return Section("layers", "Neurons per layer", (figure, table), link="Layers")
