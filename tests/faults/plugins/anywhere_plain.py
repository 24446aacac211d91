"""The plugin `anywhere` with plain functions wherever a hook may be one."""

from chatserver.hooks.loading import JUDGING_HOOKS
from tests.faults.plugins import anywhere


class Plugin(anywhere.Plugin):
    pass


for each in JUDGING_HOOKS:
    setattr(Plugin, each, anywhere.hook(each, is_plain=True))
