"""What a verb may be asked for: frozen dataclasses that refuse nonsense where it is said, not hours later."""

from __future__ import annotations

from edgecnn.settings.augment import FILLS, Augment
from edgecnn.settings.export import IO_TYPES, Export
from edgecnn.settings.limits import Limits
from edgecnn.settings.train import CLASS_WEIGHTS, OPTIMIZERS, PLACES, PRECISIONS, SCHEDULES, Machine, Train

__all__ = ["CLASS_WEIGHTS", "FILLS", "IO_TYPES", "OPTIMIZERS", "PLACES", "PRECISIONS", "SCHEDULES", "Augment", "Export", "Limits", "Machine", "Train"]
