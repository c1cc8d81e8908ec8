"""The unit of the token, and how the tokens of a sale are split."""

from pydantic import BaseModel, ConfigDict, Field

UNITS_PER_TOKEN = 100
"""Units of one token: amounts are stored as integers of 1/100 token, so that sums are exact."""


class RevenueSplit(BaseModel):
    """The split of the tokens spent: commission to the platform, burned tokens, the remainder to the teacher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commission_rate: float = Field(
        0.20, ge=0.0, le=0.6, title="Commission", description="Share of the tokens spent that the platform retains."
    )
    burn_rate: float = Field(
        0.05,
        ge=0.0,
        le=0.3,
        title="Burned",
        description="Share of the tokens spent that permanently leaves circulation.",
    )

    @property
    def teacher_rate(self) -> float:
        """Share that the teacher earns."""
        return 1 - self.commission_rate - self.burn_rate
