"""KWOK, with one line of it mended.

Its queue of lease renewals is a heap with an index by node. A node that is pushed twice, as one that is deleted and made anew
while its lease is being renewed, stays in the heap for ever; once it is on top, no node's lease is renewed again, and Kubernetes
calls all of them lost, over and over. Seen as kubernetes-sigs/kwok#1464. Here what is pushed replaces what was there.
"""

import shutil
from pathlib import Path

MODULE = "sigs.k8s.io/kwok"
FILE = "pkg/utils/heap/heap.go"
BEFORE = "entry := &waitEntry[K, T]{key: key, data: data}"
AFTER = f"h.Remove(data)\n\t{BEFORE}"


class Changed(Exception):
    """This version of KWOK is not the one that was mended; look whether it still has to be."""


def mend(source: Path, kwok: Path, folder: Path) -> list[str]:
    """Flags of `go build` that take a mended copy of KWOK, which is kept in `folder`, instead of the module at `kwok`.

    Raises `Changed` where the line to mend is not there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    copy = folder / "kwok"
    shutil.copytree(kwok, copy, copy_function=shutil.copyfile)
    text = (kwok / FILE).read_text()
    if text.count(BEFORE) != 1:
        raise Changed(f"{FILE} of {MODULE} has changed; see whether a node that is pushed twice still stays in its heap")
    for each in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
        each.chmod(0o755)
    (copy / FILE).write_text(text.replace(BEFORE, AFTER))
    (folder / "go.mod").write_text((source / "go.mod").read_text() + f"\nreplace {MODULE} => {copy}\n")
    shutil.copyfile(source / "go.sum", folder / "go.sum")
    return [f"-modfile={folder / 'go.mod'}"]
