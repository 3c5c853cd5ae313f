"""The explorer's page in a real browser, used as a person would.

Values on the page are compared with those of the same files in Python. Skipped where
there is no Chromium: `apt-get install chromium`.
"""

import io
import json
import os
import re
import shutil
from pathlib import Path

import browser
import numpy as np
import pytest
from PIL import Image

import ae_zoo
from ae_zoo import lite

pytest.importorskip("playwright")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.chromium() is None, reason="needs Debian's chromium"),
]

ROOT = Path(__file__).parents[1]
VIEWS = ["manifold", "restore", "compare", "anomaly", "personalize"]
FACES = "variational_frey_faces_2d"
DENOISER = "denoising_mnist"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
# A canvas rounds to integers, and WebAssembly adds up in another order.
ROUNDING = 1.01


@pytest.fixture(scope="module")
def address():
    with browser.serving() as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with browser.launched() as opened:
        yield opened


@pytest.fixture(scope="module")
def one_visit(chromium, address):
    visit = browser.Visit(chromium, address, viewport={"width": 1280, "height": 900})
    yield visit
    visit.leave()


@pytest.fixture
def visit(one_visit):
    """One visit for many tests: the runtime is compiled only once."""
    # A view is made anew when its address changes.
    if one_visit.page.url.startswith("http"):
        one_visit.show("anomaly", "anomaly_ecg5000", reload=False)
        one_visit.show("restore", "denoising_digits", reload=False)
    else:
        one_visit.show()
    yield one_visit
    one_visit.check()


@pytest.fixture(scope="module")
def digits():
    """The samples of the page: (20, 28, 28, 1)."""
    import base64

    content = json.loads((ROOT / "web" / "static" / "samples.json").read_text())
    rows = [np.frombuffer(base64.b64decode(t), np.uint8) for t in content["large"]]
    return np.stack(rows).reshape(-1, 28, 28, 1).astype("float32") / 255


def shown(values):
    """What a canvas shows of (1, height, width, 1) values."""
    return np.clip(np.asarray(values)[0, ..., 0], 0, 1) * 255


def assert_shows(pixels, values):
    assert np.abs(pixels - shown(values)).max() <= ROUNDING


# Manifold.


def test_the_plane_decodes_what_is_under_the_pointer(visit):
    page = visit.show("manifold", reload=False)
    model = lite.load(FACES)
    box = page.locator(".plane").bounding_box()
    for right, down in ((0.9, 0.75), (0.3, 0.2), (0.6, 0.35)):
        x, y = box["x"] + right * box["width"], box["y"] + down * box["height"]
        page.mouse.move(x, y)
        z = np.array([[6 * right - 3, 3 - 6 * down]], "float32")
        assert_shows(visit.settled(".decoded"), model.decode(z))
    visit.screenshot("manifold")


def test_the_plane_and_sliders_obey_the_keyboard(visit):
    page = visit.show("manifold", FACES, reload=False)
    model = lite.load(FACES)
    page.locator(".plane").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    assert_shows(visit.settled(".decoded"), model.decode([[0.5, 0.05]]))
    page.get_by_label("z2").focus()
    page.keyboard.press("End")
    assert_shows(visit.settled(".decoded"), model.decode([[0.5, 3.0]]))
    page.get_by_role("button", name="Center").click()
    assert_shows(visit.settled(".decoded"), model.decode([[0.0, 0.0]]))


def test_a_test_sample_is_decoded_from_its_whole_code(visit):
    """Eight directions cover a part of 50 latent units; the rest is kept."""
    page = visit.show("manifold", "variational_mnist", reload=False)
    codes = json.loads(
        (ROOT / "saved_models" / "variational_mnist" / "explorer.json").read_text()
    )["codes"]
    page.get_by_role("button", name="A sample of class 0").first.click()
    z = np.array([codes["values"][codes["labels"].index(0)]], "float32")
    assert_shows(visit.settled(".decoded"), lite.load("variational_mnist").decode(z))


def test_interpolation_is_a_straight_line_between_codes(visit):
    page = visit.show("manifold", FACES, reload=False)
    path = ROOT / "saved_models" / FACES / "explorer.json"
    values = np.array(json.loads(path.read_text())["codes"]["values"], "float32")
    places = [i * (len(values) // 20) for i in (2, 17)]
    samples = page.get_by_role("group", name="Test samples").get_by_role("button")
    for number, name in ((2, "Start here"), (17, "End here")):
        samples.nth(number).click()
        visit.settled(".decoded")
        page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="50 % of the way").click()
    middle = values[places].mean(0, keepdims=True)
    assert_shows(visit.settled(".decoded"), lite.load(FACES).decode(middle))


def test_the_tour_moves_and_ends(visit):
    page = visit.show("manifold", reload=False)
    before = visit.settled(".decoded")
    page.get_by_role("button", name="Take a tour").click()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Stop the tour").click()
    assert not np.array_equal(visit.settled(".decoded"), before)


def test_the_picture_follows_the_pointer_within_a_frame(visit):
    """With the processor of the page slowed down four times, as on a phone."""
    page = visit.show("manifold", reload=False)
    visit.settled(".decoded")
    session = visit.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    try:
        latency = min(slowest_moves(page) for _ in range(3))
    finally:
        session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    print(f"pointer to picture: {latency:.1f} ms at the 95th percentile")
    if latency >= 16 and os.getloadavg()[0] > 0.75 * (os.cpu_count() or 1):
        pytest.skip(f"the machine is busy; {latency:.0f} ms say nothing")
    assert latency < 16


def slowest_moves(page):
    """95th percentile of the time from a move to its picture, in milliseconds."""
    box = page.locator(".plane").bounding_box()
    page.evaluate("performance.clearMeasures()")
    for i in range(80):
        x = box["x"] + (0.5 + 0.4 * np.sin(i / 9)) * box["width"]
        page.mouse.move(x, box["y"] + (0.5 + 0.4 * np.cos(i / 7)) * box["height"])
    durations = page.evaluate(
        "performance.getEntriesByName('pointer-to-picture').map((e) => e.duration)"
    )
    assert len(durations) > 40
    return np.percentile(durations, 95)


# Restore.


def test_noise_is_removed_from_a_sample(visit, digits):
    page = visit.show("restore", DENOISER, reload=False)
    page.get_by_role("button", name="A handwritten 7").first.click()
    before, after = (visit.settled(f".divider canvas >> nth={i}") for i in (0, 1))
    # The page's own noise, as its canvas shows it.
    noisy = before[None, ..., None].astype("float32") / 255
    expected = shown(lite.load(DENOISER).reconstruct(noisy))
    assert np.abs(after - expected).mean() < 1
    text = page.locator(".result-row [role=status]").inner_text()
    low, high = map(float, re.findall(r"([\d.]+) dB", text))
    assert high > low + 5
    visit.screenshot("restore")
    page.get_by_label("Strength").fill("0")
    assert_shows(visit.settled(".divider canvas >> nth=0"), digits[14][None])
    expected = lite.load(DENOISER).reconstruct(digits[14][None])
    assert_shows(visit.settled(".divider canvas >> nth=1"), expected)


def test_the_divider_obeys_keyboard_and_pointer(visit):
    page = visit.show("restore", DENOISER, reload=False)
    visit.settled(".divider canvas >> nth=1")
    handle = page.get_by_label("Drag to compare")
    handle.focus()
    page.keyboard.press("Home")
    clip = "(canvas) => canvas.style.clipPath"
    assert "0%" in page.locator(".divider .after").evaluate(clip)
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 50)
    page.mouse.up()
    share = float(handle.input_value())
    assert share == pytest.approx(80, abs=2)


def test_a_file_is_restored_and_downloaded(visit, digits, tmp_path):
    page = visit.show("restore", DENOISER, reload=False)
    # Dark ink on paper, as digits are photographed.
    path = tmp_path / "seven.png"
    Image.fromarray(255 - np.uint8(digits[14, ..., 0] * 255)).save(path)
    page.get_by_label("Strength").fill("0")
    page.get_by_label("Image file").set_input_files(path)
    page.wait_for_timeout(200)
    expected = lite.load(DENOISER).reconstruct(digits[14][None])
    assert_shows(visit.settled(".divider canvas >> nth=1"), expected)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the result").click()
    assert download.value.suggested_filename == "seven_restored.png"
    saved = np.asarray(Image.open(download.value.path()).convert("L"))
    assert_shows(saved.astype(float), expected)


@pytest.mark.parametrize(
    "name, screenshot, patience",
    [
        ("denoising_olivetti_faces", "restore_face", 30_000),
        ("denoising_photos", "restore_photo", 90_000),  # 18 tiles
    ],
)
def test_pictures_to_try_come_with_the_page(visit, name, screenshot, patience):
    page = visit.show("restore", name, reload=False)
    page.get_by_text("PSNR").wait_for(timeout=patience)
    text = page.locator(".result-row [role=status]").inner_text()
    low, high = map(float, re.findall(r"([\d.]+) dB", text))
    assert high > low + 5
    visit.screenshot(screenshot)


def test_a_file_that_is_no_image_is_explained(visit, tmp_path):
    page = visit.show("restore", DENOISER, reload=False)
    path = tmp_path / "broken.png"
    path.write_bytes(b"not a picture")
    page.get_by_label("Image file").set_input_files(path)
    page.get_by_text("cannot read this file as an image").wait_for()


PASTE = """(bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "scan.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
}"""


def test_an_image_can_be_pasted(visit, digits):
    page = visit.show("restore", DENOISER, reload=False)
    page.get_by_label("Strength").fill("0")
    file = io.BytesIO()
    Image.fromarray(np.uint8(digits[3, ..., 0] * 255)).save(file, "PNG")
    page.evaluate(PASTE, list(file.getvalue()))
    page.wait_for_timeout(200)
    assert_shows(visit.settled(".divider canvas >> nth=0"), digits[3][None])


def test_a_drawing_is_converted_as_mnist_was_made(visit):
    page = visit.show("restore", DENOISER, reload=False)
    page.get_by_label("Strength").fill("0")
    pad = page.get_by_role("img", name="Pad to draw a digit on")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 120, steps=5)
    page.mouse.up()
    drawn = visit.settled(".divider canvas >> nth=0") / 255
    rows, columns = np.nonzero(drawn > 0.05)
    assert rows.max() - rows.min() + 1 == pytest.approx(20, abs=1)
    center = (drawn.sum(0) * np.arange(28)).sum() / drawn.sum()
    assert center == pytest.approx(13.5, abs=0.6)
    assert len(set(columns)) < 10  # a vertical stroke


def test_a_large_image_is_restored_in_tiles(chromium, tmp_path, digits):
    """A model of images of any size, whose file has tiles of 28×28."""
    folder = tmp_path / "any_size"
    shutil.copytree(ROOT / "saved_models" / DENOISER, folder)
    card = json.loads((folder / "card.json").read_text())
    card |= {"input_shape": [None, None, 1], "name": "any_size"}
    (folder / "card.json").write_text(json.dumps(card))
    field = np.zeros((90, 120), "float32")
    for i, digit in enumerate(digits[:12, ..., 0]):
        top, left = 30 * (i // 4), 30 * (i % 4)
        field[top + 1 : top + 29, left + 1 : left + 29] = digit
    Image.fromarray(np.uint8(field * 255)).save(tmp_path / "page.png")
    with browser.serving(str(folder)) as address:
        visit = browser.Visit(chromium, address)
        page = visit.show("restore", "any_size")
        page.get_by_label("Strength").fill("0.4")
        page.get_by_label("Image file").set_input_files(tmp_path / "page.png")
        status = page.locator(".result-row [role=status]")
        status.get_by_text("120×90").wait_for()
        low, high = map(float, re.findall(r"([\d.]+) dB", status.inner_text()))
        assert high > low + 4
        assert visit.pixels(".divider canvas >> nth=1").shape == (90, 120)
        # A larger one takes a while: the page says how far it is, and can be stopped.
        Image.new("L", (1200, 900), 90).save(tmp_path / "large.png")
        page.get_by_label("Image file").set_input_files(tmp_path / "large.png")
        bar = page.get_by_role("progressbar")
        bar.wait_for()
        page.wait_for_timeout(300)
        assert 0 < bar.evaluate("(b) => b.value") < bar.evaluate("(b) => b.max")
        width = page.locator(".divider canvas >> nth=0").bounding_box()["width"]
        assert width == 1200  # at 1:1
        page.get_by_role("button", name="Stop").click()
        bar.wait_for(state="hidden")
        visit.leave()


# Compare.


@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_each_variant_reconstructs_as_in_python(visit, digits, data):
    page = visit.show("compare", f"undercomplete_{data}", reload=False)
    page.get_by_role("button", name="A handwritten 4").first.click()
    given = visit.settled(".given canvas")
    x = given[None, ..., None].astype("float32")
    x = np.round(x / 255 * 16) / 16 if data == "digits" else x / 255
    names = page.locator(".variant:not(.given) .hint:first-of-type").all_inner_texts()
    assert len(names) == 7
    assert [ae_zoo.info(n)["variant"].removesuffix("Autoencoder") for n in names] == (
        page.locator(".variant:not(.given) h3").all_inner_texts()
    )
    page.wait_for_timeout(300)
    index = json.loads(page.evaluate("fetch('models.json').then((r) => r.text())"))
    files = {m["name"]: m["file"]["url"].split("/")[-1] for m in index["models"]}
    for i, name in enumerate(names):
        file = files[name].split(".")[0] + ".tflite"
        model = lite.load(ROOT / "saved_models" / name / file)
        pixels = visit.settled(".pictures figure:first-child canvas", i)
        # Eight bits round a little differently with each kernel.
        least = ROUNDING if file == "model.tflite" else 16
        assert np.abs(pixels - shown(model.reconstruct(x))).max() <= least, name
    visit.screenshot(f"compare_{data}")


# Anomaly.


def scores_of(page):
    text = page.locator(".verdict").inner_text()
    return text.split()[0], float(re.search(r"score ([\d.]+)", text)[1])


def test_heartbeats_are_scored_as_in_python(visit):
    page = visit.show("anomaly", "anomaly_ecg5000", reload=False)
    path = ROOT / "saved_models" / "anomaly_ecg5000" / "explorer.json"
    examples = json.loads(path.read_text())["examples"]
    model = lite.load("anomaly_ecg5000")
    for label, verdict in (("normal", "Normal"), ("anomalous", "Anomaly")):
        page.get_by_role("button", name=f"{label} example 2").click()
        page.wait_for_timeout(250)
        values = [e["values"] for e in examples if e["label"] == label][1]
        x = np.array([values], "float32")
        word, score = scores_of(page)
        assert word == verdict
        assert score == pytest.approx(model.score(x)[0], rel=0.01)
    visit.screenshot("anomaly")


def test_a_series_can_be_pasted(visit):
    page = visit.show("anomaly", "anomaly_ecg5000", reload=False)
    values = np.sin(np.arange(140) / 9) * 3 + 5
    page.get_by_label("Values").fill(", ".join(map(str, values)))
    page.wait_for_timeout(250)
    x = ((values - values.mean()) / values.std())[None].astype("float32")
    score = lite.load("anomaly_ecg5000").score(x)[0]
    assert scores_of(page)[1] == pytest.approx(score, rel=0.01)
    page.get_by_label("Values").fill("1 2 three")
    page.get_by_text("Received: “three”").wait_for()
    page.get_by_label("Values").fill("1 2 3")
    page.get_by_text("Expected 140 numbers. Received 3.").wait_for()
    page.get_by_label("Values").fill("\n".join(map(str, values[::2])))
    page.get_by_text("70 numbers, stretched to 140.").wait_for()


def test_a_bent_line_raises_the_score(visit):
    page = visit.show("anomaly", "anomaly_ecg5000", reload=False)
    page.wait_for_timeout(200)
    before = scores_of(page)[1]
    box = page.locator(".chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10, steps=8)
    page.mouse.up()
    page.wait_for_timeout(200)
    assert scores_of(page)[1] > 1.5 * before


def test_the_threshold_can_be_moved(visit):
    page = visit.show("anomaly", "anomaly_ecg5000", reload=False)
    page.get_by_label("Threshold", exact=True).focus()
    page.keyboard.press("Home")
    assert scores_of(page)[0] == "Anomaly"
    page.get_by_text("100.0 % of the anomalies").wait_for()
    page.get_by_role("button", name="Use the card's threshold").click()
    assert scores_of(page)[0] == "Normal"


@pytest.fixture(scope="module")
def own_sensors(tmp_path_factory):
    """The folder of a model of windows of three sensors, with units of their own."""
    import keras

    encoder = keras.Sequential(
        [keras.Input((20, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    decoder = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(60), keras.layers.Reshape((20, 3))]
    )
    model = ae_zoo.UndercompleteAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", scaling="standard"
    )
    x = np.random.default_rng(0).normal((1, 50, 900), (0.1, 5, 90), (64, 20, 3))
    model.scaling.adapt(x.astype("float32"))
    model.compile("adam")
    folder = tmp_path_factory.mktemp("own") / "my_sensors"
    model.save_pretrained(folder, task="Detects odd windows.", license="Apache-2.0")
    model.export(folder / "model.tflite", format="litert")
    return folder


def test_an_own_model_of_several_sensors(chromium, own_sensors):
    values = np.random.default_rng(1).normal((1, 50, 900), (0.1, 5, 90), (20, 3))
    with browser.serving(str(own_sensors)) as address:
        visit = browser.Visit(chromium, address)
        page = visit.show("anomaly", "my_sensors")
        lines = "\n".join(",".join(f"{v:.5f}" for v in row) for row in values)
        page.get_by_label("Values").fill(lines)
        page.wait_for_timeout(250)
        expected = lite.load(own_sensors).score(values[None].astype("float32"))[0]
        assert scores_of(page)[1] == pytest.approx(expected, rel=0.01)
        page.get_by_label("Values").fill("1 2 3")
        page.get_by_text("Expected 60 numbers (20 rows of 3). Received 3.").wait_for()
        visit.screenshot("own_sensors")
        visit.leave()


# Personalize.


def test_a_model_is_trained_on_drawings(visit, tmp_path):
    page = visit.show("personalize", "denoising_digits", reload=False)
    page.get_by_role("button", name="Use five symbols").click()
    page.get_by_label("Steps").fill("200")
    page.get_by_role("button", name="Train", exact=True).click()
    status = page.locator(".main [role=status]")
    status.get_by_text("200 steps").wait_for()
    low, high = map(float, re.findall(r"([\d.]+) dB", status.inner_text()))
    assert high > low
    visit.screenshot("personalize")
    noisy, _, after = (visit.pixels(".triple canvas", i) for i in range(3))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the weights").click()
    path = ROOT / "saved_models" / "denoising_digits" / "trainable.tflite"
    with pytest.warns(UserWarning, match="unchecked"):
        model = lite.load(path)
    model.restore_weights(download.value.path())
    x = noisy[None, ..., None].astype("float32") / 255
    # The noisy picture was rounded for the canvas.
    assert np.abs(after - shown(model.reconstruct(x))).mean() < 2
    page.get_by_role("button", name="Start again").click()
    page.get_by_text("PSNR before training").wait_for()


# The page as a whole.


def test_the_first_view_is_shown_within_3_seconds(visit):
    times = []
    for _ in range(3):  # other tests may run on the same cores
        page = visit.show()
        mark = "performance.getEntriesByName('view-shown')[0].startTime"
        times.append(page.evaluate(mark))
        if times[-1] < 3000:
            break
    print(f"first view: {min(times):.0f} ms")
    assert min(times) < 3000


def assert_is_accessible(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_accessible(visit, view):
    page = visit.show(view, reload=False)
    page.wait_for_timeout(150)
    assert_is_accessible(page)


def test_views_fit_a_phone_and_dark_colors(chromium, address):
    visit = browser.Visit(chromium, address, color_scheme="dark", **PHONE)
    for view in VIEWS:
        page = visit.show(view, reload=view == VIEWS[0])
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
        assert_is_accessible(page)
        visit.screenshot(f"phone_{view}")
    page = visit.show("manifold", FACES, reload=False)
    before = visit.settled(".decoded")
    page.locator(".plane").scroll_into_view_if_needed()
    box = page.locator(".plane").bounding_box()
    page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"])
    assert not np.array_equal(visit.settled(".decoded"), before)
    visit.leave()


def test_colors_can_be_changed(chromium, address):
    visit = browser.Visit(chromium, address, color_scheme="dark")
    page = visit.show("manifold", "variational_digits")
    visit.screenshot("manifold_dark")
    page.get_by_role("button", name="Use light colors").click()
    page.reload()
    page.get_by_role("button", name="Use dark colors").wait_for()
    visit.leave()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("delete window.WebAssembly", "It lacks WebAssembly"),
        ("WebAssembly.validate = () => false", "It lacks WebAssembly with SIMD"),
    ],
)
def test_an_old_browser_is_told_so(chromium, address, script, text):
    visit = browser.Visit(chromium, address)
    visit.page.add_init_script(script)
    visit.page.goto(address)
    visit.page.get_by_text(text).wait_for()
    visit.leave()


# LiteRT tries a small module with an operation of relaxed SIMD.
WITHOUT_RELAXED_SIMD = """
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = (bytes, ...rest) =>
    bytes.byteLength < 100 ? Promise.reject(new Error("no relaxed SIMD"))
    : instantiate(bytes, ...rest);
"""


def test_browsers_without_relaxed_simd_have_a_runtime_too(chromium, address):
    visit = browser.Visit(chromium, address)
    visit.page.add_init_script(WITHOUT_RELAXED_SIMD)
    asked = []
    visit.context.on("request", lambda request: asked.append(request.url))
    visit.show("manifold", FACES)
    assert_shows(visit.settled(".decoded"), lite.load(FACES).decode([[0.0, 0.0]]))
    (wasm,) = [url for url in asked if url.endswith(".wasm")]
    assert "compat" in wasm
    visit.leave()


# WebGPU computed by the processor, which Chromium has for tests.
WEB_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]


def test_webgpu_does_no_harm(chromium, digits):
    """It lacks operations of the U-Net, for which the page then uses the processor."""
    with (
        browser.serving(str(ROOT / "saved_models" / "linear_mnist")) as address,
        browser.another(chromium, WEB_GPU) as with_gpu,
    ):
        visit = browser.Visit(with_gpu, address)
        for name, shown in ((DENOISER, DENOISER), ("linear_mnist", "my_linear_mnist")):
            page = visit.show("restore", shown, reload=name == DENOISER)
            page.get_by_label("Strength").fill("0")
            page.get_by_role("button", name="A handwritten 7").first.click()
            page.wait_for_timeout(300)
            expected = lite.load(name).reconstruct(digits[14][None])
            assert_shows(visit.settled(".divider canvas >> nth=1"), expected)
        visit.leave()


def test_the_page_can_lie_anywhere_on_a_web_host(chromium, tmp_path):
    import functools
    import http.server
    import threading

    from ae_zoo.explorer import make_site, write_site

    write_site(make_site("variational_digits"), tmp_path / "some" / "place")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{host.server_port}/some/place/index.html"
        visit = browser.Visit(chromium, place)
        visit.page.goto(place)
        visit.page.wait_for_selector("main[data-shown='manifold/variational_digits']")
        visit.leave()
        host.shutdown()
