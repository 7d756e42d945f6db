"""Running a program as an unprivileged user when started as root, without touching the modes of any folder above.

PostgreSQL refuses to run as root, and an ordinary user cannot enter a home folder that is closed to others. Two ways
lead past that: a user namespace, in which root's files stay root's but the program is somebody else; and, where
namespaces are forbidden (most containers), another user who keeps one capability, to pass through closed folders.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--")


def nobody() -> int:
    """The number of the user `nobody`."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534


def as_user(user: int) -> list[str]:
    """The words before a command that run it as the owner of files of `user`, without root's powers."""
    if os.geteuid() != 0:
        return []
    if user == 0:
        return list(NAMESPACE)
    keep = "-all,+dac_override"
    return [
        "setpriv",
        f"--reuid={user}",
        f"--regid={user}",
        "--clear-groups",
        f"--inh-caps={keep}",
        f"--ambient-caps={keep}",
        f"--bounding-set={keep}",
        "--no-new-privs",
        "--",
    ]


def namespace_reaches(folder: Path, program: Path) -> bool:
    """Whether a program runs in a user namespace of ours and can enter the folder from there."""
    if shutil.which(NAMESPACE[0]) is None:
        return False
    tried = subprocess.run(  # noqa: S603 - our own words and paths
        [*NAMESPACE, "/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh", str(folder), str(program)],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


def hand_over(folder: Path, user: int) -> None:
    """Give a folder and all that is in it to a user."""
    os.chown(folder, user, -1)
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(above) / name, user, -1, follow_symlinks=False)
