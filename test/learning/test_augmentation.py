"""Random crops: edges, distribution, and that they repeat with the generator."""

from lps_ros.learning.augmentation import RandomCrop
import numpy as np
import pytest
import torch

FRAMES = torch.randint(0, 256, (49, 6, 8, 3), dtype=torch.uint8,
                       generator=torch.Generator().manual_seed(3))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize('padding', [1, 3, 10])
def test_a_crop_is_a_window_of_the_frame_with_its_edge_repeated(padding):
    span = 2 * padding + 1
    offsets = torch.tensor([(row % span, column % span) for row in range(7)
                            for column in range(7)])
    found = RandomCrop(padding=padding, probability=1.0).apply(FRAMES, offsets)
    assert found.dtype == torch.uint8
    padded = np.pad(FRAMES, ((0, 0), (padding, padding), (padding, padding), (0, 0)), 'edge')
    for frame, window, (row, column) in zip(found, padded, offsets.tolist(), strict=True):
        np.testing.assert_array_equal(frame, window[row:row + 6, column:column + 8])


def test_the_offset_in_the_middle_changes_nothing():
    middle = torch.full((49, 2), 3)
    before = FRAMES.clone()
    assert torch.equal(RandomCrop(padding=3, probability=1.0).apply(FRAMES, middle), FRAMES)
    assert torch.equal(FRAMES, before)


def test_every_frame_gets_its_own_offset_all_being_equally_likely():
    first, second = RandomCrop(padding=3, probability=1.0).draw(2, 7000, rng())
    for offsets in (first, second):
        counts = torch.bincount(7 * offsets[:, 0] + offsets[:, 1], minlength=49)
        assert len(counts) == 49
        # 143 of each pair of row and column are expected, give or take 12.
        assert 90 < counts.min() and counts.max() < 200
    assert not torch.equal(first, second)


def test_a_batch_is_cropped_as_a_whole_with_the_given_probability():
    crop, generator = RandomCrop(padding=3, probability=0.3), rng()
    drawn = [crop.draw(2, 49, generator) for _ in range(1000)]
    assert {len(each) for each in drawn} == {0, 2}
    assert 250 < sum(bool(each) for each in drawn) < 350


def test_the_same_generator_gives_the_same_crops():
    crop = RandomCrop(padding=3, probability=0.5)
    draws = [[crop.draw(1, 49, generator) for _ in range(8)]
             for generator in (rng(1), rng(1), rng(2))]
    same = [all(torch.equal(a, b) for a, b in zip(one, two)) and len(one) == len(two)
            for one, two in zip(draws[0], draws[1])]
    assert all(same)
    assert [len(each) for each in draws[0]] != [len(each) for each in draws[2]]


@pytest.mark.parametrize(('crop', 'views'), [
    (RandomCrop(padding=0, probability=0.5), 1),
    (RandomCrop(padding=3, probability=0.0), 1),
    (RandomCrop(padding=3, probability=0.5), 0)])
def test_where_there_is_nothing_to_crop_nothing_is_drawn(crop, views):
    generator = rng()
    assert crop.draw(views, 49, generator) == ()
    assert torch.equal(generator.get_state(), rng().get_state())
