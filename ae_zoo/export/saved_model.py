"""SavedModel: the format of TensorFlow Serving."""

import tensorflow as tf


def write(model, signatures, directory, batch_size=None):
    """Writes signatures and, once, the weights behind them.

    Args:
        model: Whose weights the signatures use.
        signatures: {name: Signature}.
        directory: To create.
        batch_size: Static batch size, or None.
    """
    module = tf.Module()
    # tf.Module does not see Keras's variables unless it is handed the values.
    module.weights = [variable.value for variable in model.variables]
    functions = {name: s.traced(batch_size) for name, s in signatures.items()}
    module.functions = list(functions.values())
    functions["serving_default"] = functions["reconstruct"]
    tf.saved_model.save(module, str(directory), signatures=functions)


def runners(directory):
    """The signatures of a SavedModel: {name: function of named arrays}."""
    loaded = tf.saved_model.load(str(directory))

    def runner(function):
        def run(**inputs):
            results = function(**{k: tf.constant(v) for k, v in inputs.items()})
            return {name: value.numpy() for name, value in results.items()}

        run.loaded = loaded  # which holds the weights
        return run

    return {name: runner(function) for name, function in loaded.signatures.items()}
