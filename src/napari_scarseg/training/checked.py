"""What every configuration is made of: frozen values, and an unknown setting is an error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Checked(BaseModel):
    """Base of all configurations."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def set_by_user(config: BaseModel, *names: str) -> list[str]:
    """Which of the settings were written down, and not left at their default."""
    return [name for name in names if name in config.model_fields_set]
