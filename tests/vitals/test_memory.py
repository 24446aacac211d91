"""Memory against its limit: made-up trees of /proc and control groups, and this machine's own."""

import os
from pathlib import Path

from chatserver.vitals.memory import Memory, memory

MEBIBYTE = 1 << 20
MACHINE = "MemTotal:       16384 kB\nMemFree:  100 kB\nMemAvailable:   12288 kB\n"
V2_MOUNT = "30 23 0:26 {shown} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "31 23 0:27 {shown} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MACHINE, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def group(folder: str, limit: object, used: int, inactive: int = 0) -> dict[str, str]:
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 5\ninactive_file {inactive}\n",
    }


def test_without_a_limit_it_is_the_machines(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": V2_MOUNT.format(shown="/")}
    root = tree(tmp_path, files | group("sys/fs/cgroup/a", "max", 5 * MEBIBYTE))
    assert memory(root) == Memory(4 * MEBIBYTE, 16 * MEBIBYTE)


def test_a_group_with_a_limit_counts_however_full_the_machine_is(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": V2_MOUNT.format(shown="/")}
    files |= group("sys/fs/cgroup/a", 8 * MEBIBYTE, MEBIBYTE)
    assert memory(tree(tmp_path, files)) == Memory(MEBIBYTE, 8 * MEBIBYTE)


def test_the_tightest_limit_up_the_tree_holds_without_cached_files(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": V2_MOUNT.format(shown="/")}
    files |= group("sys/fs/cgroup/a/b", "max", 5 * MEBIBYTE)
    files |= group("sys/fs/cgroup/a", 8 * MEBIBYTE, 7 * MEBIBYTE, inactive=MEBIBYTE)
    assert memory(tree(tmp_path, files)) == Memory(6 * MEBIBYTE, 8 * MEBIBYTE)


def test_in_a_container_that_sees_only_its_own_group(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": V2_MOUNT.format(shown="/")}
    files |= group("sys/fs/cgroup", 4 * MEBIBYTE, 3 * MEBIBYTE)
    assert memory(tree(tmp_path, files)) == Memory(3 * MEBIBYTE, 4 * MEBIBYTE)


def test_version_1_in_a_container_whose_mount_is_a_part_of_the_tree(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
        "proc/self/mountinfo": V1_MOUNT.format(shown="/docker/abc"),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * MEBIBYTE}\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{MEBIBYTE}\n",
        "sys/fs/cgroup/memory/memory.stat": f"cache 1\ntotal_inactive_file {MEBIBYTE // 2}\n",
    }
    assert memory(tree(tmp_path, files)) == Memory(MEBIBYTE // 2, 2 * MEBIBYTE)


def test_version_1_without_a_limit(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "5:memory:/\n",
        "proc/self/mountinfo": V1_MOUNT.format(shown="/"),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{MEBIBYTE}\n",
    }
    assert memory(tree(tmp_path, files)).limit == 16 * MEBIBYTE


def test_nothing_is_known_without_proc(tmp_path: Path) -> None:
    assert memory(tmp_path) == Memory(0, 0)


def test_this_machine() -> None:
    used, limit = memory()
    assert 0 < used < limit <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
