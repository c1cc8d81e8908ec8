"""How the tokens of a sale are shared."""

from pydantic import BaseModel, ConfigDict, Field


class RevenueSplit(BaseModel):
    """Shares of the tokens spent: commission to the platform, a part burned, the rest to the teacher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commission_rate: float = Field(
        0.20, ge=0.0, le=0.6, title="Commission", description="Share of the tokens spent that the platform keeps."
    )
    burn_rate: float = Field(
        0.05, ge=0.0, le=0.3, title="Burned", description="Share of the tokens spent that leaves circulation for good."
    )

    @property
    def teacher_rate(self) -> float:
        """Share that the teacher earns."""
        return 1 - self.commission_rate - self.burn_rate
