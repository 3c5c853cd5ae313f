# %% [markdown]
# # Find anomalies in a CSV
#
# Every minute, a pump sends the values of six sensors. A file of normal operation exists; new files
# arrive every day. Which minutes are odd, and which sensors are to blame?

# %% [markdown]
# ## The data
# The script makes two files: a day of normal operation, and a day with two faults. A
# blocked valve raises the pressure while the flow falls; later a bearing gets warm,
# without any value leaving its usual range.

# %%
import numpy as np
from pyarrow import csv

MINUTES = 1440
SENSORS = ["power", "flow", "pressure", "motor", "bearing", "vibration"]


def operate(minutes, seed):
    """Sensor values that follow the load, (minutes, 6)."""
    random = np.random.default_rng(seed)
    load = 0.5 + 0.3 * np.sin(np.arange(minutes) / 90) + random.normal(0, 0.03, minutes)
    at_rest = np.array([40, 5, 2, 45, 40, 0.2])
    at_load = np.array([60, 20, 1.5, 18, 10, 0.3])
    values = at_rest + load[:, None] * at_load
    return values + random.normal(0, 0.01, values.shape) * at_load


def write(path, values):
    np.savetxt(path, values, "%.4f", ",", header=",".join(SENSORS), comments="")


today = operate(MINUTES, 1)
blocked, worn = slice(400, 420), slice(900, 960)
today[blocked, SENSORS.index("pressure")] += 0.3
today[blocked, SENSORS.index("flow")] -= 4
today[worn, SENSORS.index("bearing")] += 2
write("normal.csv", operate(MINUTES, 0))
write("today.csv", today)

# %% [markdown]
# ## The detector
# `AutoencoderDetector` has the interface of scikit-learn's outlier detectors. It learns
# what normal rows look like, and sets its threshold so that one row in a hundred of
# those that were held out is flagged.

# %%
import ae_zoo
from ae_zoo.estimators import AutoencoderDetector

normal, today = csv.read_csv("normal.csv"), csv.read_csv("today.csv")
detector = AutoencoderDetector(random_state=0).fit(normal)
flagged = detector.predict(today) == -1
print(f"{flagged.sum()} of {len(flagged)} minutes are flagged")

# %% [markdown]
# The bearing is never warmer than on a normal day with high load: a limit for each
# sensor would not find this fault. The detector does, because the temperature does not
# fit the load.

# %%
bearing = today["bearing"].to_numpy()[worn]
inside = bearing <= normal["bearing"].to_numpy().max()
print(f"{inside.mean():.0%} of the faulty temperatures are in the normal range")
print(f"{flagged[worn].mean():.0%} of the faulty minutes are flagged")

# %% [markdown]
# ## Which sensor is to blame
# `explain` divides the score of a row among the columns.

# %%
shares = detector.explain(today)  # (minutes, 6); each row adds up to 1
for name, minutes in (("blocked valve", blocked), ("worn bearing", worn)):
    mean = shares[minutes].mean(axis=0)
    order = np.argsort(-mean)[:3]
    print(name, {SENSORS[i]: round(float(mean[i]), 2) for i in order})

# %%
ae_zoo.plots.anomalies(detector, today, "anomalies.png")

# %% [markdown]
# ![Six series, with the flagged minutes in red, and the score](../assets/figures/anomalies.png)
#
# ## From the shell, and in production
#
# ```bash
# ae-zoo detect normal.csv today.csv --plot flagged.png --save detector
# ae-zoo detect detector tomorrow.csv --json
# ```
#
# The exported file has one signature, `detect`, which takes rows in your units and
# returns score and label. It runs without TensorFlow, on a server or a gateway.

# %%
detector.export("detector.tflite", format="litert")
file = ae_zoo.lite.load("detector.tflite")
rows = np.column_stack([today[name] for name in SENSORS]).astype("float32")
label = file.run("detect", x=rows)["label"]
print(f"{(label == -1).sum()} of {len(rows)} minutes are flagged by the file")

# %% [markdown]
# Faults that last, or that show only over time, are found more reliably in windows of a
# series: `AutoencoderDetector(window=60)`. [Find anomalies](../anomalies.md) describes
# thresholds, contaminated training data and images.
