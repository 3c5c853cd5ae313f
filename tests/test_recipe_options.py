"""Fields of a recipe that change speed or memory, and not the objective."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import digits_recipe

import ae_zoo
from ae_zoo.training.model import build_and_compile
from ae_zoo.training.plan import make_plan, resolve
from ae_zoo.training.splits import load_training

pytestmark = pytest.mark.slow

STEPS = 4


@pytest.fixture(scope="module")
def digits():
    return ae_zoo.data.arrays("digits", "train")[: STEPS * 64]


def compiled(recipe, epochs=1):
    calls = min(recipe.steps_per_execution, STEPS)
    return build_and_compile(recipe, STEPS * epochs, calls)


def trained(recipe, x, epochs=2):
    """Returns weights and losses after training on the batches in order."""
    keras.utils.set_random_seed(0)
    model = compiled(recipe, epochs)
    batch_size = recipe.batch_size // recipe.gradient_accumulation_steps
    history = model.fit(
        x, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0
    )
    return model.get_weights(), history.history["loss"]


def sgd(steps):
    return keras.optimizers.SGD(0.01)


def assert_equal_weights(received, expected, rtol=1e-4):
    # Float32 sums in another order, over a few steps.
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_gradients_are_those_of_the_batch(parts, digits):
    whole = digits_recipe(batch_size=64, optimizer=sgd)
    in_parts = dataclasses.replace(whole, gradient_accumulation_steps=parts)
    expected, losses = trained(whole, digits)
    received, losses_in_parts = trained(in_parts, digits)
    assert_equal_weights(received, expected)
    np.testing.assert_allclose(losses_in_parts, losses, rtol=1e-5)


def test_accumulation_across_replicas_is_refused(two_replicas):
    in_parts = digits_recipe(gradient_accumulation_steps=2)
    with two_replicas.scope(), pytest.raises(ValueError, match="one replica only"):
        compiled(in_parts)


def test_the_model_sees_parts_of_a_batch():
    in_parts = digits_recipe(batch_size=64, gradient_accumulation_steps=4)
    job = resolve(in_parts, tf.distribute.get_strategy())
    training = load_training(job, make_plan(job), skip=0)
    assert next(iter(training)).shape[0] == 16


def test_a_schedule_counts_optimizer_steps(digits):
    """The rate falls to 0 after three of eight steps, with and without parts."""

    def scheduled(steps):
        rates = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.01, 0.0])
        return keras.optimizers.SGD(rates)

    whole = digits_recipe(batch_size=64, optimizer=scheduled)
    in_parts = dataclasses.replace(whole, gradient_accumulation_steps=4)
    still = dataclasses.replace(whole, optimizer=lambda _: keras.optimizers.SGD(0.0))
    expected, _ = trained(whole, digits)
    received, _ = trained(in_parts, digits)
    assert_equal_weights(received, expected)
    fresh, _ = trained(still, digits)
    assert max(np.abs(a - b).max() for a, b in zip(fresh, expected, strict=True)) > 1e-3
    model = compiled(in_parts)
    model.fit(digits, batch_size=16, verbose=0)
    assert int(model.optimizer.iterations) == 4
    again = keras.optimizers.SGD.from_config(model.optimizer.get_config())
    again.build(model.trainable_variables)
    again._iterations.assign(8)  # parts, of the third step
    assert float(again.learning_rate) == pytest.approx(0.01)


def test_clipping_bounds_the_step(digits):
    def plain(steps):
        return keras.optimizers.SGD(1.0)

    changes = {}
    for norm in (None, 0.5):
        keras.utils.set_random_seed(0)
        model = compiled(digits_recipe(optimizer=plain, global_clipnorm=norm))
        before = model.get_weights()
        model.train_on_batch(digits)
        moved = [a - b for a, b in zip(model.get_weights(), before, strict=True)]
        changes[norm] = np.concatenate([part.ravel() for part in moved])
    assert np.linalg.norm(changes[0.5]) == pytest.approx(0.5, rel=1e-4)
    # The same direction: clipping by the global norm only scales.
    whole = changes[None]
    cosine = whole @ changes[0.5] / np.linalg.norm(whole) / 0.5
    assert cosine == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{"global_clipnorm": 0.5}, {"dtype_policy": "mixed_float16"}],
    ids=["clipping", "loss_scaling"],
)
def test_replicas_check_the_gradients_of_the_whole_batch(changes, digits, two_replicas):
    """Their norm, and whether they are finite. Keras checks each replica's own."""
    digits = digits.copy()
    digits.reshape(STEPS, 2, 32, -1)[:, 0] = 0  # the shares differ
    options = digits_recipe(batch_size=64, optimizer=sgd, **changes)
    expected, _ = trained(options, digits)
    with two_replicas.scope():
        received, _ = trained(options, digits)
    # Half of float16's 11 bits, in gradients summed in another order.
    mixed = "dtype_policy" in changes
    assert_equal_weights(received, expected, rtol=5e-3 if mixed else 1e-4)


def test_replicas_send_gradients_in_half_the_bytes(digits, two_replicas):
    weights = {}
    for dtype in ("float32", "bfloat16"):
        with two_replicas.scope():
            weights[dtype], _ = trained(
                digits_recipe(batch_size=64, optimizer=sgd, gradient_dtype=dtype),
                digits,
            )
    start, _ = trained(
        digits_recipe(batch_size=64, optimizer=lambda _: sgd(0)), digits, 1
    )
    exact, rounded = weights.values()
    for a, b in zip(exact, rounded, strict=True):
        assert a.dtype == b.dtype == "float32"
    moved = np.concatenate([(a - b).ravel() for a, b in zip(exact, start, strict=True)])
    apart = np.concatenate(
        [(a - b).ravel() for a, b in zip(exact, rounded, strict=True)]
    )
    # bfloat16 keeps 8 bits: each share and their sum are rounded by 2⁻⁹ at most.
    assert 0 < np.linalg.norm(apart) < 2 * 2**-8 * np.linalg.norm(moved)


def test_unknown_gradient_dtype():
    with pytest.raises(ValueError, match="Did you mean 'bfloat16'"):
        compiled(digits_recipe(gradient_dtype="float16"))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_has_the_same_objective(policy, digits):
    _, expected = trained(digits_recipe(batch_size=64), digits, epochs=10)
    mixed = digits_recipe(batch_size=64, dtype_policy=policy)
    weights, losses = trained(mixed, digits, epochs=10)
    assert all(weight.dtype == np.float32 for weight in weights)
    # bfloat16 has 8 significant bits: a relative 2⁻⁹ in every activation.
    np.testing.assert_allclose(losses, expected, rtol=0.02)
    assert losses[-1] < 0.7 * losses[0]
    assert keras.config.dtype_policy().name == "float32"


def test_float16_scales_the_loss():
    mixed = digits_recipe(dtype_policy="mixed_float16")
    model = compiled(mixed)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    dense = [x for x in model.encoder.layers if isinstance(x, keras.layers.Dense)]
    assert {layer.compute_dtype for layer in dense} == {"float16"}


@pytest.mark.parametrize("option", [{"steps_per_execution": 4}, {"jit_compile": True}])
def test_compiled_steps_are_the_same_steps(option, digits):
    expected, _ = trained(digits_recipe(batch_size=64, steps_per_execution=1), digits)
    plain = {"batch_size": 64, "steps_per_execution": 1}
    received, _ = trained(digits_recipe(**plain | option), digits)
    # XLA fuses operations and rounds once where TensorFlow rounds twice; Adam divides
    # by the root of small gradients, which magnifies it.
    assert_equal_weights(received, expected, rtol=2e-3)


def test_batch_must_divide_into_parts():
    with pytest.raises(ValueError, match="multiple of gradient_accumulation_steps, 3"):
        digits_recipe(batch_size=64, gradient_accumulation_steps=3)
