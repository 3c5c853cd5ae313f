# %% [markdown]
# # Clean scans
#
# You have scanned pages with stains and noise, and for some of them a clean version.
# This tutorial trains a network that cleans the others. So that it runs anywhere,
# it makes its own pages; with your own folders, only the first step changes.

# %% [markdown]
# ## The data
# Pairs of images with the same file names in two folders, `dirty/` and `clean/`. The
# function writes pages with lines of letters, and soils them: paper of uneven
# brightness, noise, and a coffee stain.

# %%
import pathlib

import numpy as np
from PIL import Image, ImageDraw

PAGES = 40
SIZE = 96


def write_pages(count, size):
    random = np.random.default_rng(0)
    letters = "abcdefghijklmnopqrstuvwxyz "
    for folder in ("dirty", "clean"):
        pathlib.Path(folder).mkdir(exist_ok=True)
    rows, columns = np.mgrid[:size, :size] / size
    for number in range(count):
        page = Image.new("L", (size, size), 255)
        pen = ImageDraw.Draw(page)
        for top in range(4, size - 12, 14):
            text = "".join(random.choice(list(letters), size // 5))
            pen.text((4, top), text, fill=20)
        clean = np.asarray(page) / 255
        x, y, radius = random.uniform(0.2, 0.8, 3) * [1, 1, 0.5]
        distance = np.hypot(columns - x, rows - y)
        stain = 0.35 * np.exp(-(((distance - radius) / 0.05) ** 2))
        paper = 1 - 0.3 * rows * random.random() - stain
        dirty = clean * paper + random.normal(0, 0.06, clean.shape)
        for folder, image in (("clean", clean), ("dirty", dirty)):
            pixels = Image.fromarray((255 * image.clip(0, 1)).astype("uint8"))
            pixels.save(f"{folder}/{number:03}.png")


write_pages(PAGES, SIZE)

# %% [markdown]
# `Images` reads the pairs. A part of them is kept for validation and test. Training
# sees random crops of 64×64 pixels, others in each epoch.

# %%
import ae_zoo

scans = ae_zoo.data.Images(
    "dirty", target="clean", image_size=(64, 64), crop="random", color_mode="grayscale"
)
print(scans.counts)

# %% [markdown]
# ## The model
# A U-Net keeps the details through its skip connections. With `None` for height and
# width, it accepts pages of every size. `input_range` makes sure that nobody passes
# values in 0–255.

# %%
from ae_zoo import ConvolutionalAutoencoder, Recipe, networks

EPOCHS = 60


def build():
    encoder = networks.u_net_encoder((None, None, 1), [16, 32])
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 1)
    return ConvolutionalAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", input_range=(0.0, 1.0)
    )


# %% [markdown]
# ## Training and measurement
# A recipe puts data and model together. `train` measures the model on the test pages,
# with the dirty page itself as the baseline, and writes a folder with a card. From
# the shell: `ae-zoo train scans.py`.

# %%
recipe = Recipe(
    build=build,
    dataset=scans,
    task="Cleans scanned pages.",
    epochs=EPOCHS,
    batch_size=8,
    license="CC0-1.0",
)
model = ae_zoo.train(recipe, output_dir="run", verbose=0)
print(ae_zoo.info("run/model"))

# %% [markdown]
# ## Clean pages
# Clean whole pages of any size; the files keep their bit depth and color profile:
#
# ```bash
# ae-zoo denoise dirty/ cleaned/ --model run/model --compare
# ```
#
# Or in Python:

# %%
pages = [np.asarray(Image.open(f"dirty/{n:03}.png")) / 255 for n in range(4)]
dirty = np.stack(pages)[..., None].astype("float32")
clean = model.predict(dirty, verbose=0)
ae_zoo.plots.image_rows({"scan": dirty, "cleaned": clean}, "clean_scans.png")

# %% [markdown]
# ![Scanned pages with stains, and the same pages cleaned](../assets/figures/clean_scans.png)
#
# ## If there is no clean version
# Add the dirt yourself: take clean pages, such as rendered PDFs, and add what your
# scanner adds. A `DenoisingAutoencoder` with a corruption of your own does this in
# each step; see [Denoising](../variants/denoising.md).
