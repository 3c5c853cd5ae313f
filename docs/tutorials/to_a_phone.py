# %% [markdown]
# # From fit to a phone
#
# Train a denoiser of digits, quantize it to int8, check what that costs, and write all
# that an app needs. Every step is the same for your own model.

# %% [markdown]
# ## Fit
# Start from a pretrained model, and train it further on your images.

# %%
import keras
import numpy as np

import ae_zoo

EPOCHS = 3
keras.utils.set_random_seed(0)
train = ae_zoo.data.arrays("digits", "train")
test = ae_zoo.data.arrays("digits", "test")
noisy = ae_zoo.evaluation.add_noise(test, 0.4)

model = ae_zoo.load("denoising_digits")
history = model.fit(train, epochs=EPOCHS, batch_size=32, verbose=0)

# %% [markdown]
# ## Export
# Full int8 needs to know the range of every tensor: a few hundred typical inputs, for a
# denoiser noisy ones. `export` runs each file and compares it with the model.

# %%
calibration = ae_zoo.evaluation.add_noise(train[:300], 0.4)
model.export("denoiser.tflite", format="litert")
model.export(
    "denoiser_int8.tflite",
    format="litert",
    quantization="int8",
    calibration=calibration,
)

# %% [markdown]
# ## Check
# What matters is not the difference of the files but the quality of the result. PSNR on
# test images, in dB:

# %%
import pathlib

for name in ("denoiser.tflite", "denoiser_int8.tflite"):
    file = ae_zoo.lite.load(name)  # as the phone runs it: no TensorFlow
    quality = ae_zoo.evaluation.peak_snr(test, file.reconstruct(noisy))
    size = pathlib.Path(name).stat().st_size
    print(f"{name}: {size / 1e3:.0f} kB, {quality:.2f} dB")

# %%
file = ae_zoo.lite.load("denoiser_int8.tflite")
ae_zoo.plots.image_rows(
    {"noisy": noisy[:10], "int8": file.reconstruct(noisy[:10]), "clean": test[:10]},
    "phone.png",
)

# %% [markdown]
# ![Noisy digits, the output of the int8 file, and the clean digits](../assets/figures/phone.png)
#
# From the shell, `ae-zoo export denoising_digits d.tflite --quantization int8 --report`
# prints size, quality, latency and memory.

# %% [markdown]
# ## What the app needs to know
# The sidecar `denoiser_int8.json` describes the file: signatures with names, shapes and
# types, the range of inputs, the loss, and the license.

# %%
for name, signature in file.signatures.items():
    print(name, {key: value["shape"] for key, value in signature["inputs"].items()})

# %% [markdown]
# ## A file that learns on the phone
# The user's own digits train the model further and never leave the device. Twenty steps
# change little; an app takes many more.

# %%
model.export("personal.tflite", format="litert", trainable=True)
personal = ae_zoo.lite.load("personal.tflite")
random = np.random.default_rng(0)
losses = []
for clean in test[:20]:
    x = np.clip(clean + random.normal(0, 0.4, clean.shape), 0, 1).astype("float32")
    losses.append(float(personal.train(x=x[None], y=clean[None])["loss"]))
personal.save_weights("personal.npz")
print(f"loss of the first digits {np.mean(losses[:5]):.1f}, "
      f"of the last {np.mean(losses[-5:]):.1f} nats")  # fmt: skip

# %% [markdown]
# ## Next
# Copy the file into the app: [Android](../android.md), [iOS](../ios.md),
# [browsers](../browsers.md). For a chip without an operating system, export
# `signature="reconstruct"` with `"int8_io"`: [microcontrollers](../microcontrollers.md).
