"""`ae-zoo explore`: its index, its server, and what it writes."""

import gzip
import hashlib
import http.client
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path

import numpy as np
import pytest

import ae_zoo
from ae_zoo import cli, lite
from ae_zoo.explorer import index, make_site, server
from ae_zoo.explorer.site import INDEX, PAGE, POLICY
from ae_zoo.studies.explorer_data import explorer_data
from ae_zoo.zoo import UnsafeModelError

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
DIGITS = "variational_digits"


@pytest.fixture(scope="module")
def site():
    return make_site()


@pytest.fixture(scope="module")
def opened(site):
    with server.open_server(site, port=0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "saved_models" / "undercomplete_digits", folder)
    return folder


def get(opened, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", opened.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


# The built page.


def test_the_built_page_is_that_of_its_sources():
    """If this fails: `npm ci && npm run build` in web/, and commit the page."""
    single = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"]
    names = single + [
        path.relative_to(WEB).as_posix()
        for folder in ("src", "static", "styles")
        for path in (WEB / folder).rglob("*")
        if path.is_file()
    ]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(f"{name}\n".encode() + (WEB / name).read_bytes())
    assert (PAGE / "sources.txt").read_text().strip() == digest.hexdigest()


def test_the_page_is_below_6_megabytes():
    size = sum(
        len(path.read_bytes() if path.suffix == ".gz" else gzip.compress(content))
        for path in PAGE.rglob("*")
        if path.is_file()
        for content in [path.read_bytes()]
    )
    assert size < 6e6


def test_the_page_names_no_other_host():
    """The runtime of LiteRT has some in messages; the browser tests see requests."""
    page = (PAGE / "index.html").read_text("utf-8")
    assert POLICY in page
    assert not re.findall(r"https?://", page + (PAGE / "explorer.css").read_text())
    script = (PAGE / "explorer.js").read_text("utf-8")
    assert not re.findall(r"https?://", script)


# The index.


def test_the_index_has_every_model(site):
    models = json.loads(site[INDEX].read())["models"]
    assert {model["name"] for model in models} >= set(ae_zoo.list_models())
    for model in models:
        assert site[model["file"]["url"]].read()[4:8] == b"TFL3"
        shape = ae_zoo.info(model["name"])["input_shape"]
        pairs = zip(model["input_shape"], shape, strict=True)
        assert all(known in (None, size) for size, known in pairs)
    kinds = {model["name"]: model["kind"] for model in models}
    assert kinds["denoising_mnist"] == "restore" and kinds[DIGITS] == "generate"
    assert kinds["anomaly_ecg5000"] == "anomaly"


def test_the_threshold_is_that_of_the_card(site):
    models = json.loads(site[INDEX].read())["models"]
    (ecg,) = [model for model in models if model["name"] == "anomaly_ecg5000"]
    rows = ae_zoo.info("anomaly_ecg5000")["metrics"]
    (value,) = [r["value"] for r in rows if r["metric"] == "threshold of the score"]
    assert ecg["threshold"] == value


def test_large_files_give_way_to_the_int8_file():
    facts = {record.facts["name"]: record.facts for record in index.records()}
    assert facts["deep_mnist"]["file"]["bytes"] < 4e6
    assert facts["deep_mnist"]["quantization"] == "dynamic"
    assert facts["denoising_mnist"]["quantization"] is None


def test_the_codes_are_those_of_test_samples(site):
    details = json.loads(site[f"models/{DIGITS}/explorer.json"].read())
    test = ae_zoo.data.arrays("digits", "test")
    codes = details["codes"]
    z = lite.load(DIGITS).encode(test[: len(codes["values"])])
    # The file rounds to four digits.
    np.testing.assert_allclose(codes["values"], z, rtol=2e-3, atol=1e-3)
    assert len(codes["labels"]) == len(codes["values"])
    directions = np.asarray(codes["directions"])
    np.testing.assert_allclose(
        directions @ directions.T, np.eye(len(directions)), atol=1e-3
    )


def test_heartbeats_that_are_not_on_the_card_are_not_served(site):
    """The terms of ECG5000 are not stated; the card shows six of each kind."""
    details = json.loads(site["models/anomaly_ecg5000/explorer.json"].read())
    labels = [example["label"] for example in details["examples"]]
    assert labels == ["normal"] * 6 + ["anomalous"] * 6


def test_images_are_served_of_digits_only(site):
    samples = json.loads(site["samples.json"].read())
    assert "CC BY 4.0" in samples["source"]
    digits = ae_zoo.data.arrays("digits", "test").reshape(-1, 64) * 16
    for small in samples["small"]:
        assert (np.abs(digits - small).max(1) < 1e-3).any()


# A model of one's own.


def test_an_own_folder_comes_first(own):
    site = make_site(str(own))
    content = json.loads(site[INDEX].read())
    assert (
        content["models"][0]["is_own"] and content["start"] == "my_undercomplete_digits"
    )
    assert site[content["models"][0]["file"]["url"]].read()[4:8] == b"TFL3"


def test_a_name_is_what_the_page_begins_with():
    assert json.loads(make_site(DIGITS)[INDEX].read())["start"] == DIGITS


def test_a_file_alone_has_its_sidecar(own, tmp_path):
    assert make_site(str(own / "model.tflite"))
    shutil.copy(own / "model.tflite", tmp_path / "bare.tflite")
    with pytest.raises(ValueError, match="no sidecar 'bare.json'"):
        make_site(str(tmp_path / "bare.tflite"))


def test_a_wrong_name_is_explained(capsys):
    assert cli.main(["explore", "variational_digit", "--no-browser"]) == 1
    assert "Did you mean 'variational_digits'?" in capsys.readouterr().err


def test_a_folder_without_a_file_for_the_browser_is_explained(own, capsys):
    for name in ("model.tflite", "model.json", "model_int8.tflite"):
        (own / name).unlink()
    assert cli.main(["explore", str(own), "--no-browser"]) == 1
    assert "Write one: ae-zoo export" in capsys.readouterr().err


def test_a_missing_folder_is_explained(tmp_path, capsys):
    assert cli.main(["explore", str(tmp_path / "none"), "--no-browser"]) == 1
    assert "There is no model folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "has another type"),
        ('{"format_version": 9}', "Update ae_zoo"),
        (
            '{"format_version": 1, "codes": {"values": [[1]], "labels": null, '
            '"center": [0], "directions": [], "deviations": []}}',
            "codes of 8 numbers",
        ),
    ],
)
def test_damaged_details_are_refused(own, content, message):
    (own / "explorer.json").write_text(content)
    with pytest.raises(UnsafeModelError, match=message):
        make_site(str(own))


# The server.


def test_files_have_their_types_and_the_policy(opened):
    types = {
        "/": "text/html",
        "/explorer.js": "text/javascript",
        "/models.json": "application/json",
        "/litert/litert_wasm_internal.wasm": "application/wasm",
    }
    for path, kind in types.items():
        answer, body = get(opened, path)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body)[:4] == b"\0asm"
    answer, body = get(opened, "/", method="HEAD")
    assert answer.status == 200 and not body


@pytest.mark.parametrize(
    "path", ["/../setup.py", "/%2e%2e/setup.py", "//etc/passwd", "/none"]
)
def test_nothing_else_is_served(opened, path):
    assert get(opened, path)[0].status == 404


def test_the_server_is_for_this_machine_alone(opened):
    assert opened.server_address[0] == "127.0.0.1"
    assert get(opened, "/", Host="evil.example")[0].status == 403
    assert get(opened, "/", Host="localhost:1")[0].status == 200


def test_a_browser_that_goes_away_is_no_error(opened, capsys):
    with socket.create_connection(("127.0.0.1", opened.server_port)) as client:
        client.sendall(b"GET /litert/litert_wasm_internal.wasm HTTP/1.1\r\n")
        # Close with a reset, as a browser does that is ended.
        reset = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert get(opened, "/")[0].status == 200
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_port_in_use_is_explained(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert cli.main(["explore", "--port", port, "--no-browser"]) == 1
    assert f"Port {port} is in use" in capsys.readouterr().err


def test_without_a_port_the_next_free_one_is_taken(site):
    with server.open_server(site) as one, server.open_server(site) as other:
        assert one.server_port != other.server_port


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_an_impossible_port_is_refused(port, capsys):
    with pytest.raises(SystemExit):
        cli.main(["explore", "--port", port])
    assert "expected a port" in capsys.readouterr().err


def test_the_browser_is_opened_unless_told_otherwise(monkeypatch, capsys):
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda url: addresses.append(url) or True)
    monkeypatch.setattr(server._Server, "serve_forever", lambda self: time.sleep(0.2))
    assert cli.main(["explore", "--port", "0"]) == 0
    assert cli.main(["explore", "--port", "0", "--no-browser"]) == 0
    (address,) = addresses
    assert address in capsys.readouterr().out and address.startswith("http://127.0.0.1")


@pytest.mark.slow
def test_ctrl_c_ends_it_quietly():
    command = [sys.executable, "-m", "ae_zoo.cli", "explore", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # A shell lets processes in the background, and their children, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")


# Static files.


def test_build_writes_the_site(tmp_path, site, capsys):
    target = tmp_path / "public" / "explorer"
    assert cli.main(["explore", "--build", str(target)]) == 0
    files = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert files == set(site)
    wasm = (target / "litert" / "litert_wasm_internal.wasm").read_bytes()
    assert wasm[:4] == b"\0asm"
    assert cli.main(["explore", "--build", str(target)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert cli.main(["explore", "--build", str(target), "--overwrite"]) == 0


def test_build_never_replaces_what_it_did_not_write(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    command = ["explore", "--build", str(tmp_path), "--overwrite"]
    assert cli.main(command) == 1
    assert "Name another folder" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# What is added to a model's folder.


@pytest.mark.slow
def test_prepare_writes_what_the_zoo_has(own):
    known = json.loads((own / "explorer.json").read_text())
    assert explorer_data(own) == ["explorer.json"]
    made = json.loads((own / "explorer.json").read_text())
    np.testing.assert_allclose(
        made["codes"]["values"], known["codes"]["values"], rtol=2e-3, atol=2e-3
    )
    assert "explorer.json" in (own / "SHA256SUMS").read_text()
    assert ae_zoo.load(own)


def test_prepare_needs_a_model(capsys):
    assert cli.main(["explore", "--prepare"]) == 1
    assert "needs the name or folder" in capsys.readouterr().err
