"""Imports run one way, and light commands stay light."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ae_zoo

PACKAGE = Path(__file__).parents[1] / "ae_zoo"
# From the ground up: a room may use the rooms before it and its own.
ROOMS = [
    "_bounds",
    "_reading",
    "_fields",
    "_checks",
    "_errors",
    "_batches",
    "_machine",
    "_resources",
    "_staging",
    "lite",
    "distribution",
    "data",
    "corruptions",
    "layers",
    "losses",
    "penalties",
    "networks",
    "optimizers",
    "models",
    "export",
    "callbacks",
    "evaluation",
    "plots",
    "zoo",
    "explorer",
    "estimators",
    "training",
    "studies",
    "cli",
]
# `Model.export` reaches up, as it does in Keras, when it is called; so do the methods
# that write model folders.
UPWARD = {("models/endpoints.py", "export"), ("models/endpoints.py", "zoo")}
HEAVY = ("tensorflow", "keras", "tensorflow_datasets", "sklearn", "matplotlib")


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms of the package that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ae_zoo":
            yield from (name.name for name in node.names if name.name in ROOMS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "")[:7] == "ae_zoo.":
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            names = (name.name.split(".") for name in node.names)
            yield from (parts[1] for parts in names if parts[0] == "ae_zoo" < parts[-1])


def test_every_room_has_its_place():
    rooms = {room(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_imports_run_downward(path):
    if room(path) == "__init__":
        return
    above = set(ROOMS[ROOMS.index(room(path)) + 1 :])
    name = path.relative_to(PACKAGE).as_posix()
    upward = {(name, other) for other in imported_rooms(path) if other in above}
    assert upward <= UPWARD


def loaded_by(code):
    """Names of the modules that a fresh interpreter has loaded after `code`."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        "import ae_zoo",
        "import ae_zoo; ae_zoo.lite",
        "import ae_zoo; ae_zoo.list_models()",
        "import ae_zoo; ae_zoo.info('denoising_mnist')",
        "from ae_zoo.cli import main; main(['list'])",
        "from ae_zoo.cli import main; main(['info', 'denoising_mnist'])",
        "from ae_zoo.explorer import index; index.records()",
    ],
)
def test_light_commands_load_nothing_heavy(code):
    assert not loaded_by(code) & set(HEAVY)


@pytest.mark.slow
def test_load_needs_neither_training_nor_data():
    loaded = loaded_by("import ae_zoo; ae_zoo.load('undercomplete_digits')")
    assert "ae_zoo.models" in loaded
    unneeded = {
        "ae_zoo.training.run",
        "ae_zoo.training.recipe",
        "ae_zoo.data",
        "tensorflow_datasets",
    }
    assert not loaded & unneeded


# The public names.


def names_for_type_checkers():
    """Names that `ae_zoo/__init__.py` imports for type checkers, and from where."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    return {name.name: node.module for node in block.body for name in node.names}


def test_editors_offer_the_public_names_only():
    assert dir(ae_zoo) == sorted(["__version__", *ae_zoo.__all__])
    assert not [name for name in ae_zoo.__all__ if name.startswith("_")]
    assert set(names_for_type_checkers()) == set(ae_zoo.__all__)


@pytest.mark.parametrize("name", ae_zoo.__all__)
def test_type_checkers_see_what_is_imported_on_first_use(name):
    module = importlib.import_module(names_for_type_checkers()[name])
    assert getattr(ae_zoo, name) is getattr(module, name)


def test_there_are_no_other_names():
    with pytest.raises(AttributeError, match="'ae_zoo' has no attribute 'lode'"):
        ae_zoo.lode  # noqa: B018


def test_the_package_declares_its_types():
    assert (PACKAGE / "py.typed").is_file()
