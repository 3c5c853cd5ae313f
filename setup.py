import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (ROOT / "ae_zoo" / "__init__.py").read_text("utf-8")
)[1]
PLOTS = ["matplotlib>=3.8"]
LITE = ["ai-edge-litert>=2.0"]
IMAGES = ["scikit-image>=0.24"]
ONNX = ["onnxruntime>=1.20", "tf2onnx>=1.17"]
TENSORBOARD = ["tensorboard>=2.19"]
HUB = ["huggingface_hub>=0.30"]
# MkDocs 2 is another program. The pages also build with Zensical, its successor.
DOCS = [
    "jupytext>=1.16",
    "mkdocs-material>=9.6,<10",
    "mkdocstrings-python>=1.16",
    "ruff",
]
# Peers of the benchmarks. A CPU build of PyTorch is sufficient.
BENCH = ["pyod>=2.0", "pythae>=0.1.2", "torch>=2.4"]
MODELS = ROOT / "saved_models"
# Float files from this size on are left out of the wheel, so that it stays below the
# 100 MB of the package index. `ae_zoo.lite.load` takes the int8 file instead.
LARGE = 1_000_000  # bytes


def large_files():
    """Float `.tflite` files that are too large for the wheel, with their sidecars."""
    large = [f for f in MODELS.glob("*/model.tflite") if f.stat().st_size >= LARGE]
    return [
        file.relative_to(MODELS).as_posix()
        for path in large
        for file in (path, path.with_suffix(".json"))
    ]


setup(
    name="ae-zoo",
    version=VERSION,
    description="The model zoo of autoencoders for Keras 3 and TensorFlow",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    # The bounds of Keras and TensorFlow are those that ae_zoo/distribution/
    # keras_patches was tested with.
    install_requires=[
        "h5py>=3.11",
        "importlib_resources>=6.0",  # tensorflow-datasets imports it, undeclared
        "jinja2>=3.1",
        "keras>=3.12,<3.16",
        "numpy>=1.26",
        "pillow>=10.3",
        "pyarrow>=15.0",
        "scikit-learn>=1.6",
        "scipy>=1.11",
        "tabulate>=0.9",
        "tensorflow>=2.20,<2.22",
        "tensorflow-datasets>=4.9.7",
        "tqdm>=4.60",
    ],
    extras_require={
        "plots": PLOTS,
        "lite": LITE,
        "images": IMAGES,
        "onnx": ONNX,
        "tensorboard": TENSORBOARD,
        "hub": HUB,
        "docs": DOCS,
        "bench": [*BENCH, *LITE, *ONNX, *PLOTS],
        "test": [
            "axe-playwright-python>=0.1.5",  # with axe-core, which checks accessibility
            "mypy>=1.15",
            "playwright>=1.50",  # with the system's Chromium
            "pytest>=8.0",
            "pytest-xdist>=3.6",
            "ruff>=0.17,<0.18",
            "setuptools>=70.1",  # for the test that builds a wheel
            "types-tensorflow>=2.18",
            *PLOTS,
            *LITE,
            *IMAGES,
            *ONNX,
            *TENSORBOARD,
            *HUB,
            *DOCS,
        ],
    },
    packages=[
        *find_packages(include=["ae_zoo", "ae_zoo.*"]),
        "ae_zoo.recipes",
        "ae_zoo.saved_models",
    ],
    # These two folders lie at the top of the repository, and in the wheel inside the
    # package.
    package_dir={
        "ae_zoo.recipes": "recipes",
        "ae_zoo.saved_models": "saved_models",
    },
    package_data={
        "ae_zoo": ["py.typed"],
        "ae_zoo.explorer": ["page/*", "page/*/*"],
        "ae_zoo.recipes": ["*.py"],
        # Without the saved_model/ folders, which `ae-zoo export` can write.
        "ae_zoo.saved_models": ["*/*"],
        "ae_zoo.zoo": ["*.jinja"],
    },
    exclude_package_data={"ae_zoo.saved_models": large_files()},
    entry_points={"console_scripts": ["ae-zoo = ae_zoo.cli:main"]},
)
