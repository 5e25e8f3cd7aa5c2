"""Who and when: the words that group results."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Phase of the infarct at the time of the scan."""

    ACUTE = "acute"
    CHRONIC = "chronic"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """Key columns of every table.

    Parameters
    ----------
    case : str
        Stem of the stack, or the case folder's name.
    patient : str
        The user's own pseudonym; the case where none was given.
    phase : Phase
    cohort : str
        Empty where none was given.
    """

    case: str
    patient: str = ""
    phase: Phase = Phase.UNKNOWN
    cohort: str = ""

    def __post_init__(self) -> None:
        if not self.patient:
            object.__setattr__(self, "patient", self.case)
