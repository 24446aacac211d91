"""Settings that were renamed: old key -> new key. `chatserver upgrade-check` names the new one."""

RENAMED: dict[str, str] = {}
