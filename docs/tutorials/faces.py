# %% [markdown]
# # A manifold of your faces
#
# Film a face for a minute, cut it out of each frame, and train a variational
# autoencoder with two latent units. The result is a plane whose every point is a face,
# and a path through it is a film of expressions that were never filmed.
#
# So that it runs anywhere, the script draws a face with a changing mouth, gaze and
# eyebrows. With your own frames, use `Images` in the next step.

# %% [markdown]
# ## The data
#
# ```python
# faces = ae_zoo.data.Images("frames/", image_size=(28, 20), color_mode="grayscale")
# images = ae_zoo.data.arrays(faces, "train")
# ```
#
# `ffmpeg -i me.mp4 -vf "crop=400:560,scale=20:28,fps=20" frames/%04d.png` writes such
# frames. Neighboring frames are nearly equal, so whole stretches of the film must go
# to the test split, not single frames. Pass `groups=`, a function from the file name to
# the number of its stretch.

# %%
import keras
import numpy as np
from PIL import Image, ImageDraw

FRAMES = 1500
EPOCHS = 150


def face(smile, gaze, size=(20, 28), enlarged=8):
    """A face, (28, 20, 1) in [0, 1]; smile and gaze are in [-1, 1]."""
    width, height = (enlarged * side for side in size)
    image = Image.new("L", (width, height), 60)
    pen = ImageDraw.Draw(image)
    pen.ellipse((10, 10, width - 10, height - 6), fill=190)
    for x in (0.33, 0.67):
        x, y = x * width, 0.42 * height
        pen.ellipse((x - 16, y - 9, x + 16, y + 9), fill=240)
        pen.ellipse((x - 7 + 9 * gaze, y - 7, x + 7 + 9 * gaze, y + 7), fill=30)
        up = 6 * smile
        pen.line((x - 18, y - 20 - up, x + 18, y - 20 - up), fill=50, width=6)
    middle, mouth = width / 2, 0.74 * height
    points = [
        (middle + a * 36, mouth + 14 * smile * (1 - a * a))
        for a in np.linspace(-1, 1, 15)
    ]
    pen.line(points, fill=90, width=8, joint="curve")
    pen.line((middle, 0.47 * height, middle - 5, 0.6 * height), fill=140, width=5)
    small = image.resize(size, Image.Resampling.BOX)
    return np.asarray(small, "float32")[..., None] / 255


time = np.arange(FRAMES) / 40
smile, gaze = np.sin(1.3 * time), np.sin(0.7 * time + 1)
images = np.stack([face(s, g) for s, g in zip(smile, gaze, strict=True)])
images += np.random.default_rng(0).normal(0, 0.02, images.shape)
images = images.clip(0, 1).astype("float32")
train, test = images[: int(0.8 * FRAMES)], images[int(0.8 * FRAMES) :]

# %% [markdown]
# ## The model
# The Gaussian loss assumes a variance of each pixel around its reconstruction, and β is
# this variance. A small one gives sharp faces, a large one a plane without holes. Tanh
# units help, too.

# %%
import ae_zoo
from ae_zoo import networks

keras.utils.set_random_seed(0)
encoder = networks.dense_encoder((28, 20, 1), [256, 128], "tanh", "tanh")
decoder = networks.dense_decoder(2, [128, 256], (28, 20, 1), "tanh")
model = ae_zoo.VariationalAutoencoder(
    encoder, decoder, beta=0.05, reconstruction_loss="gaussian"
)
model.compile(keras.optimizers.Adam(1e-3))
history = model.fit(train, batch_size=100, epochs=EPOCHS, verbose=0)
error = np.square(test - model.reconstruct(test)).sum(axis=(1, 2, 3)).mean()
print(f"squared error of unseen frames: {error:.2f}")

# %% [markdown]
# ## The manifold
# Each point of the plane is decoded. The axes are whatever the model chose; here the
# vertical one turned out to be the smile.

# %%
ae_zoo.plots.manifold(model, test, "manifold.png", steps=11)

# %% [markdown]
# ![A plane of drawn faces with different smiles and gazes](../assets/figures/faces_manifold.png){ width=420 }
#
# Where the frames lie in the plane, colored by the smile that was drawn:

# %%
ae_zoo.plots.latent_scatter(model, images, smile, path="codes.png")

# %% [markdown]
# ![The codes of all frames, colored by the smile](../assets/figures/faces_codes.png){ width=480 }
#
# ## A film
# A path through the plane, decoded frame by frame:

# %%
turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
path = 1.3 * np.stack([np.sin(turn), np.sin(2 * turn)], axis=1).astype("float32")
frames = [
    Image.fromarray((255 * x[..., 0].clip(0, 1)).astype("uint8")).resize((200, 280))
    for x in model.decode(path)
]
frames[0].save("film.gif", save_all=True, append_images=frames[1:], duration=60, loop=0)

# %% [markdown]
# ## Under the pointer
# Save the model, and move through the plane in a browser:

# %%
model.save_pretrained("my_faces", task="Draws faces at any point of a plane.")

# %% [markdown]
# ```bash
# ae-zoo export my_faces my_faces/model.tflite
# ae-zoo explore my_faces
# ```
#
# [Variational](../variants/variational.md) explains the objective, and what to do if
# units remain unused.
