"""What a run remembers besides its tensors: its curve since the last event, and its best validation."""

from dataclasses import asdict, dataclass
from typing import Any

from napari_scarseg.training.validation import Validation


@dataclass(frozen=True, slots=True)
class TrainingEvent:
    """Progress of a run; `validation` on the steps that validated.

    Parameters
    ----------
    step, steps : int
        Done and in all.
    loss : float
        Mean since the last event.
    learning_rate : float
        The one in force.
    validation : Validation or None
    is_last : bool
        Whether the run ends here; with patience that may be before `steps`.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    validation: Validation | None = None
    is_last: bool = False


@dataclass(slots=True)
class RunProgress:
    """Changes with every step; as plain values it is part of the checkpoint.

    Parameters
    ----------
    loss_sum, loss_count
        Of the steps since the last event.
    last, best : Validation or None
    best_step : int
        Steps done when `best` was measured.
    waited : int
        Validations since then.
    is_over : bool
        Whether the run has ended, at its last step or for want of a better validation.
    """

    loss_sum: float = 0.0
    loss_count: int = 0
    last: Validation | None = None
    best: Validation | None = None
    best_step: int = 0
    waited: int = 0
    is_over: bool = False

    def add_loss(self, loss: float) -> None:
        """Count one step."""
        self.loss_sum, self.loss_count = self.loss_sum + loss, self.loss_count + 1

    def take_loss(self) -> float:
        """Mean loss since the last event, which this is."""
        mean = self.loss_sum / self.loss_count
        self.loss_sum, self.loss_count = 0.0, 0
        return mean

    def judge(self, validation: Validation, step: int) -> bool:
        """Remember a validation; whether it is the best so far. The first of equals stays the best."""
        self.last = validation
        if self.best is not None and validation.slice_dsc <= self.best.slice_dsc:
            self.waited += 1
            return False
        self.best, self.best_step, self.waited = validation, step, 0
        return True

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunProgress":
        """Inverse of `as_dict`."""
        validations = {
            name: None if values.get(name) is None else Validation(**values[name]) for name in ("last", "best")
        }
        return cls(**{**values, **validations})
