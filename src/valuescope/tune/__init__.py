"""Adapters: low-rank changes of the weights, trained on texts that speak for a value (SFT, NeVA's baseline)."""

from valuescope.tune.adapter import Adapter, TuneError, applied, by_adapter
from valuescope.tune.lora import LoraTraining, TrainingText, train_adapter

__all__ = ["Adapter", "LoraTraining", "TrainingText", "TuneError", "applied", "by_adapter", "train_adapter"]
