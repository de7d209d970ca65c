"""`--profile`: a dialect that the server knows. The arrows forbid asking it here, so `latchkey.py` hands over how."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from ..errors import InvalidValue

PROFILES_META: Final = "latchkey.profiles"
Profiles = Mapping[str, bool]  # name: whether its access points try each of several keys


def known_profiles(context: click.Context | None) -> Profiles:
    """Return the profiles that the server knows, "auto" first; none where nobody handed over how to ask."""
    ask: Callable[[], Profiles] | None = None if context is None else context.meta.get(PROFILES_META)
    return {} if ask is None else ask()


def check_offering(context: click.Context, profile: str) -> None:
    """Raise InvalidValue where access points of a profile try one key only."""
    profiles = known_profiles(context)
    if not profiles.get(profile, False):
        *most, last = [name for name, tries_several in profiles.items() if tries_several]
        raise InvalidValue(
            f"access points of profile {profile} do not try several keys: offering them needs profile"
            f" {', '.join(most)} or {last}"
        )


class ProfileChoice(click.ParamType):  # type: ignore[type-arg]  # generic in click 8.5, not in 8.1
    """A click.Choice of what `known_profiles` says when it is asked, so that only this option's commands ask."""

    name = "profile"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """Return all profiles, as click.Choice shows them."""
        return f"[{'|'.join(known_profiles(ctx or click.get_current_context(silent=True)))}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a profile that is known; else end with click's own words."""
        return click.Choice(tuple(known_profiles(ctx))).convert(value, param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the profiles that begin so."""
        return [CompletionItem(name) for name in known_profiles(ctx) if name.startswith(incomplete)]
