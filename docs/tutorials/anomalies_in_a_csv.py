# %% [markdown]
# # Find anomalies in a CSV
#
# A pump sends six sensor values a minute. A file of normal operation exists; new files
# arrive every day. Which minutes are odd, and which sensors are to blame?

# %% [markdown]
# ## The data
# The script makes two files: a day of normal operation, and a day with two faults. A
# blocked valve raises the pressure while the flow falls; later a bearing gets warm,
# without any value leaving its usual range.

# %%
import numpy as np
import pandas as pd

MINUTES = 1440


def operate(minutes, seed):
    random = np.random.default_rng(seed)
    load = 0.5 + 0.3 * np.sin(np.arange(minutes) / 90) + random.normal(0, 0.03, minutes)
    values = {
        "power": 40 + 60 * load,
        "flow": 5 + 20 * load,
        "pressure": 2 + 1.5 * load,
        "motor_temperature": 45 + 18 * load,
        "bearing_temperature": 40 + 10 * load,
        "vibration": 0.2 + 0.3 * load,
    }
    table = pd.DataFrame(values)
    return table + random.normal(0, 0.01, table.shape) * table.std().to_numpy() * 5


normal, today = operate(MINUTES, 0), operate(MINUTES, 1)
blocked, worn = slice(400, 420), slice(900, 960)
today.iloc[blocked, today.columns.get_loc("pressure")] += 1.2
today.iloc[blocked, today.columns.get_loc("flow")] -= 6
today.iloc[worn, today.columns.get_loc("bearing_temperature")] += 4
normal.to_csv("normal.csv", index=False)
today.to_csv("today.csv", index=False)

# %% [markdown]
# ## The detector
# `AutoencoderDetector` has the interface of scikit-learn's outlier detectors. It learns
# what normal rows look like, and sets its threshold so that one row in a hundred of
# those that were held out is flagged.

# %%
import ae_zoo
from ae_zoo.estimators import AutoencoderDetector

normal, today = pd.read_csv("normal.csv"), pd.read_csv("today.csv")
detector = AutoencoderDetector(random_state=0).fit(normal)
flagged = detector.predict(today) == -1
print(f"{flagged.sum()} of {len(today)} minutes are flagged")

# %% [markdown]
# The bearing is never warmer than on a normal day with high load: a limit for each
# sensor would not find this fault. The detector does, because the temperature does not
# fit the load.

# %%
inside = today["bearing_temperature"][worn] <= normal["bearing_temperature"].max()
print(f"{inside.mean():.0%} of the faulty temperatures are in the normal range")
print(f"{flagged[worn].mean():.0%} of the faulty minutes are flagged")

# %% [markdown]
# ## Which sensor is to blame
# `explain` divides the score of a row among the columns.

# %%
shares = pd.DataFrame(detector.explain(today), columns=today.columns)
print(shares[blocked].mean().sort_values(ascending=False).round(2).head(3))
print(shares[worn].mean().sort_values(ascending=False).round(2).head(3))

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
label = file.run("detect", x=today.to_numpy("float32"))["label"]
print(f"{(label == -1).sum()} of {len(today)} minutes are flagged by the file")

# %% [markdown]
# Faults that last, or show in the course of time, are found more surely in windows of a
# series: `AutoencoderDetector(window=60)`. [Find anomalies](../anomalies.md) describes
# thresholds, contaminated training data and images.
