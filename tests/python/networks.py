"""The libraries of networks that the tests ask, each on one thread and without its own logs.

Import Keras, TensorFlow, ONNX and ONNX Runtime from here only: the environment is read when they
are imported first.
"""

import os
import warnings

os.environ.update(
    TF_CPP_MIN_LOG_LEVEL="3",
    TF_ENABLE_ONEDNN_OPTS="0",
    KERAS_BACKEND="tensorflow",
    CUDA_VISIBLE_DEVICES="-1",
    OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"),
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
    import tensorflow as tf

tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.get_logger().setLevel("ERROR")

WARNINGS = ("ignore:__array__ implementation doesn't accept a copy keyword",)
"""Of Keras with NumPy 2, where it saves and predicts: filters for pytest."""

__all__ = ["WARNINGS", "keras", "tf"]
