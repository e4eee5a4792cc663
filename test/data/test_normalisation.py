import json

from lps_ros.data.normalisation import Normaliser
import numpy as np


def test_normalised_data_has_mean_0_and_deviation_1():
    generator = np.random.default_rng(0)
    # Over one block of rows, far from zero and of unequal scale.
    data = (generator.normal(size=(70000, 3)) * [0.02, 5.0, 300.0] + [10.0, -3.0, 0.0]).astype(
        np.float32)
    normaliser = Normaliser.fit(data)
    np.testing.assert_allclose(normaliser.std, data.std(axis=0, dtype=np.float64), rtol=1e-5)
    applied = normaliser.apply(data)
    assert applied.dtype == np.float32
    np.testing.assert_allclose(applied.mean(axis=0, dtype=np.float64), 0.0, atol=1e-4)
    np.testing.assert_allclose(applied.std(axis=0, dtype=np.float64), 1.0, atol=1e-4)


def test_constant_and_nearly_constant_columns_stay_small():
    data = np.zeros((1000, 3), np.float32)
    data[:, 0] = 1e6
    data[:, 1] = np.where(np.arange(1000) % 2, 1e-5, -1e-5)
    data[:, 2] = np.where(np.arange(1000) % 2, 0.1, -0.1)
    normaliser = Normaliser.fit(data)
    np.testing.assert_allclose(normaliser.std, [1.0, 1e-3, 0.1], rtol=1e-5)
    applied = normaliser.apply(data + np.float32(0.01))
    assert np.abs(applied[:, 0]).max() < 0.1


def test_it_survives_json_exactly():
    normaliser = Normaliser.fit(np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32))
    again = Normaliser.from_dict(json.loads(json.dumps(normaliser.to_dict())))
    np.testing.assert_array_equal(again.mean, normaliser.mean)
    np.testing.assert_array_equal(again.std, normaliser.std)
    assert again.mean.dtype == again.std.dtype == np.float32
