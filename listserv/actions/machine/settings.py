"""Show the settings in use.

    settings.show(call)        # [SettingShown, ...]

Refuses to know where a setting comes from (listserv/wiring/settings_sources.py). SECURITY: a secret
is shown without what makes it one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.wiring.config import SECRETS, Settings, described


@dataclass(frozen=True, slots=True)
class SettingShown:
    """Show one setting: its value, as JSON has it, and whether it differs from the default."""

    name: str
    value: object
    changed: bool


def show(call: Call) -> Sequence[SettingShown]:
    """Return every setting in use."""
    call.permit(Action.CONFIG_SHOW)
    return [
        SettingShown(name, value, json.dumps(value, default=str, ensure_ascii=False) != usual)
        for name, default, _ in described()
        for value, usual in [(_value(call.app.settings, name), default or '""')]
    ]


def _value(settings: Settings, name: str) -> object:
    section, _, key = name.partition(".")
    value = getattr(getattr(settings, section), key)
    if name in SECRETS and value:
        return _hidden(value)
    return "" if value is None else value


def _hidden(value: object) -> object:
    """Return URLs without their passwords, and nothing of other secrets."""
    if isinstance(value, tuple):
        return [_hidden(one) for one in value]
    if "://" not in str(value):
        return "***"
    scheme, split, rest = str(value).partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}{split}{user.partition(':')[0]}:***{at}{host}" if ":" in user else str(value)
