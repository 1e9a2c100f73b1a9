"""What every section of the settings shares: strict names, and the types of single values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from market_assets.settings.rules import check_day, check_symbol, check_url, refusal

VenueName = Literal["binance", "okx", "aster", "bybit"]
VENUE_NAMES: tuple[VenueName, ...] = get_args(VenueName)


def _written(path: object) -> object:
    """An empty variable would be the folder of platform.yaml itself."""
    if path == "":
        raise refusal("nothing is written here", allowed="a path", fix="write a path, or remove it")
    return path


def _from_root(path: Path, info: ValidationInfo) -> Path:
    """Relative paths belong to the folder of platform.yaml, wherever the process was started."""
    root: Path | None = (info.context or {}).get("root")
    path = path.expanduser()
    return path if root is None else root / path


Day = Annotated[date, BeforeValidator(check_day)]
RootedPath = Annotated[Path, BeforeValidator(_written), AfterValidator(_from_root)]
Symbol = Annotated[str, AfterValidator(check_symbol)]
Url = Annotated[str, AfterValidator(check_url)]


class Section(BaseModel):
    """Frozen, and strict about names: a key that nobody reads is a mistake, not a remark."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, data: Any) -> Any:
        if data is None:  # a heading in the file with every line under it commented out
            return {}
        if not isinstance(data, Mapping):
            return data
        # pydantic reads true as 1; as text it is refused where a number belongs
        tidy = {
            key: str(value).lower()
            if isinstance(value, bool)
            and key in cls.model_fields
            and cls.model_fields[key].annotation is not bool
            else value
            for key, value in data.items()
        }
        for name, field in cls.model_fields.items():
            # a section made by its default factory would not learn the root of relative paths
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                tidy.setdefault(name, {})
        return tidy
