"""What a verb may be asked for: frozen dataclasses that refuse nonsense where it is said, not hours later."""

from __future__ import annotations

from edgecnn.settings.augment import FILLS, Augment
from edgecnn.settings.budget import GOALS, Budget, Search
from edgecnn.settings.channels import IMPORTANCES, Channels
from edgecnn.settings.compress import FINE_TUNING, PATTERNS, Cluster, Compress, Prune, QuantizeAware, fine_tuning
from edgecnn.settings.doctor import Doctor
from edgecnn.settings.export import IO_TYPES, Export
from edgecnn.settings.limits import Limits
from edgecnn.settings.post_training import HEADS, RANGES, ROUNDINGS, PostTraining
from edgecnn.settings.train import CLASS_WEIGHTS, OPTIMIZERS, PLACES, PRECISIONS, SCHEDULES, Machine, Train

__all__ = [
    "CLASS_WEIGHTS",
    "FILLS",
    "FINE_TUNING",
    "GOALS",
    "HEADS",
    "IMPORTANCES",
    "IO_TYPES",
    "OPTIMIZERS",
    "PATTERNS",
    "PLACES",
    "PRECISIONS",
    "RANGES",
    "ROUNDINGS",
    "SCHEDULES",
    "Augment",
    "Budget",
    "Channels",
    "Cluster",
    "Compress",
    "Doctor",
    "Export",
    "Limits",
    "Machine",
    "PostTraining",
    "Prune",
    "QuantizeAware",
    "Search",
    "Train",
    "fine_tuning",
]
