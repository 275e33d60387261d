"""What is shipped as a wheel, installed where there is no checkout: the image is made in the same way."""

import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("specs", "topology", "activities", "workflows", "workers")

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def ran(*command: str | Path, cwd: Path) -> str:
    """What it prints; it must end well."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Python in which the wheel is, and what it needs, and nothing of this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], cwd=folder, capture_output=True, text=True, check=False
    )
    if "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("what builds wheels can't be had: no package index answers")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("espalier-*.whl")
    venv.create(folder / "venv", with_pip=False)
    (there,) = (folder / "venv" / "lib").glob("python*/site-packages")
    ran(*pip, "--python", folder / "venv" / "bin" / "python", "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (there / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")  # of it the packages, not the .pth of the checkout
    return folder


def test_it_runs_without_the_checkout(installed: Path) -> None:
    python, espalier = (installed / "venv" / "bin" / name for name in ("python", "espalier"))
    assert str(ROOT) not in ran(python, "-c", "import specs, workers; print(specs, workers)", cwd=installed)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert ran(espalier, "--version", cwd=installed) == f"espalier {declared}\n"
    assert ran(espalier, "install", "--dry-run", cwd=installed) == (ROOT / "deploy" / "espalier.yaml").read_text()


def test_every_module_is_in_it_and_can_be_imported(installed: Path) -> None:
    files = [path.relative_to(ROOT).with_suffix("") for place in PLACES for path in (ROOT / place).rglob("*.py")]
    every = sorted(".".join(path.parts).removesuffix(".__init__") for path in files)
    imports = f"import importlib; [importlib.import_module(each) for each in {every}]"
    ran(installed / "venv" / "bin" / "python", "-c", imports, cwd=installed)


def test_the_image_copies_what_the_wheel_is_made_of() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]}
    assert copied == {*PLACES, "pyproject.toml", "README.md", "LICENSE"}
    assert "USER 65532:65532" in lines, "as the manifests run it"
    assert 'ENTRYPOINT ["espalier"]' in lines
