"""The documentation site: it builds, its examples run, and its tutorials too."""

import importlib
import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import networks

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def python_blocks(page):
    """The Python blocks of a page that are not marked as fragments."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall("```python\n(.*?)```", text, re.DOTALL)


# Pages whose blocks run without other data, in order.
PAGES = [
    "index.md",
    "idea.md",
    "anomalies.md",
    "recipes.md",
    "ios.md",
    "microcontrollers.md",
]
PAGES += [f"variants/{path.name}" for path in sorted((DOCS / "variants").glob("*.md"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks(page)
    assert blocks
    rows = np.random.default_rng(0).normal(size=(120, 4))
    exec("\n".join(blocks), {"ae_zoo": ae_zoo, "normal": rows, "new": rows[:9]})


# Small values of the constants that a tutorial begins with.
TUTORIALS = {
    "clean_scans": {"PAGES": 10, "EPOCHS": 1},
    "anomalies_in_a_csv": {"MINUTES": 1000},
    "faces": {"FRAMES": 200, "EPOCHS": 1},
    "to_a_phone": {"EPOCHS": 1},
}


def test_every_tutorial_is_tested():
    scripts = {path.stem for path in (DOCS / "tutorials").glob("*.py")}
    assert scripts == set(TUTORIALS)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*personal.tflite' is unchecked")
@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "tutorials" / f"{name}.py").read_text("utf-8")
    for constant, value in TUTORIALS[name].items():
        text, count = re.subn(
            rf"^{constant} = \d+$", f"{constant} = {value}", text, flags=re.MULTILINE
        )
        assert count == 1
    exec(compile(text, name, "exec"), {"__name__": name})
    pictures = re.findall(r'"(\w+\.png)"', text)
    assert pictures
    assert all((tmp_path / picture).is_file() for picture in pictures)


# The pages of docs/serving.md.


@pytest.fixture
def small_vae():
    encoder = networks.dense_encoder((1, 2, 1), [4])
    return ae_zoo.VariationalAutoencoder(
        encoder, networks.dense_decoder(2, [4], (1, 2, 1)), name="small"
    )


def answer(folder, body):
    """Answer a request as TensorFlow Serving's REST interface does.

    `instances` are rows: a list of values, or of objects with a value for each input,
    which are stacked. `inputs` are whole tensors by name. A single output has no name
    in the answer.
    """
    function = tf.saved_model.load(str(folder)).signatures[
        body.get("signature_name", "serving_default")
    ]
    specs = function.structured_input_signature[1]
    if "instances" in body:
        rows = body["instances"]
        if not isinstance(rows[0], dict):
            (name,) = specs
            rows = [{name: row} for row in rows]
        inputs = {name: np.stack([row[name] for row in rows]) for name in specs}
    else:
        inputs = body["inputs"]
    tensors = {name: tf.constant(inputs[name], specs[name].dtype) for name in specs}
    (output,) = function(**tensors).values()
    return {"predictions" if "instances" in body else "outputs": output.numpy()}


@pytest.mark.slow
def test_the_requests_of_the_serving_page(small_vae, tmp_path):
    small_vae.export(tmp_path / "1")
    text = (DOCS / "serving.md").read_text("utf-8")
    bodies = [json.loads(block) for block in re.findall("```json\n(.*)\n```", text)]
    answers = [answer(tmp_path / "1", body) for body in bodies]
    x = np.array(bodies[0]["instances"], "float32")
    np.testing.assert_allclose(
        answers[0]["predictions"], small_vae.reconstruct(x), rtol=1e-5
    )
    np.testing.assert_allclose(
        answers[1]["predictions"], small_vae.encode(x), rtol=1e-5
    )
    assert answers[2]["predictions"].shape == (1,)
    assert answers[3]["outputs"].shape == (4, 1, 2, 1)


@pytest.mark.slow
def test_the_client_and_the_small_server(small_vae, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_vae.export("small.tflite", format="litert")
    blocks = [block for block in python_blocks("serving.md") if "def " in block]
    client, server = {}, {"__name__": "serve"}
    exec(blocks[0], client)
    exec(blocks[1], server)
    running = server["serve"]("small.tflite", 0)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{running.server_port}/"
    try:
        x = np.random.default_rng(0).random((3, 1, 2, 1), "float32")
        received = client["reconstruct"](x, url)
        np.testing.assert_allclose(received, small_vae.reconstruct(x), atol=1e-5)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            client["reconstruct"](255 * x, url)  # out of range
    finally:
        running.shutdown()
        running.server_close()


# The build.


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    pytest.importorskip("jupytext")
    command = [sys.executable, DOCS / "build_site.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return ROOT / "build" / "site"


@pytest.mark.slow
def test_every_model_has_a_row_and_a_page(site):
    gallery = (site / "gallery.html").read_text("utf-8")
    for name in ae_zoo.list_models():
        assert f'href="models/{name}.html"' in gallery
        assert (site / "models" / f"{name}.html").is_file()


@pytest.mark.slow
def test_no_page_asks_another_host(site):
    """Pages load scripts, styles, fonts and pictures from the site alone."""
    loading = re.compile(r'<(?:script|img|iframe|link)[^>]*(?:src|href)="(\w+:)?//')
    for page in site.rglob("*.html"):
        assert not loading.search(page.read_text("utf-8")), page


@pytest.mark.slow
def test_the_notebooks_hold_the_tutorials(site):
    for name in TUTORIALS:
        path = site / "tutorials" / f"{name}.ipynb"
        notebook = json.loads(path.read_text("utf-8"))
        kinds = {cell["cell_type"] for cell in notebook["cells"]}
        assert kinds == {"markdown", "code"}


@pytest.mark.slow
def test_the_examples_of_docstrings_are_code(site):
    page = (site / "api" / "plots.html").read_text("utf-8")
    assert "latent_scatter" in page and "&gt;&gt;&gt; " in page.replace(
        '<span class="gp">', ""
    )
    assert "<blockquote>" not in page


CHROMIUM = shutil.which("chromium")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("idea.html", '<span class="katex-display">'),
        ("gallery.html", '<button type="button">'),
    ],
)
def test_equations_and_tables_work_without_a_server(site, page, made, tmp_path):
    """The scripts of the pages change them, from the disk and without a network."""
    options = "--headless --no-sandbox --disable-gpu --no-first-run".split()
    options += "--disable-background-networking --disable-component-update".split()
    options += ["--virtual-time-budget=5000", f"--user-data-dir={tmp_path}"]
    command = [CHROMIUM, *options, "--dump-dom", (site / page).as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert made in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("package", ["callbacks", "evaluation", "models", "plots"])
def test_every_public_name_is_on_an_api_page(site, package):
    page = (site / "api" / f"{package}.html").read_text("utf-8")
    for name in importlib.import_module(f"ae_zoo.{package}").__all__:
        if name not in ("AnyProtocol", "card_figures"):  # of no use to users
            assert re.search(rf'id="ae_zoo\.{package}\.[\w.]*\b{name}"', page), name


def test_links_between_files_hold():
    """Read in the repository, the pages link to files that exist."""
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    for page in [*pages, *DOCS.rglob("*.md")]:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^():#\s]+)(?:#[\w-]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
