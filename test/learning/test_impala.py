"""The image encoders: the authors' numbers, views, sizes of frames, initial weights."""

import json
from math import sqrt

from golden_vectors import FOLDER
from lps_ros.learning.networks.impala import ENCODERS
from lps_ros.learning.networks.impala import make_image_encoder
import numpy as np
import pytest
import torch

CASES = sorted(path.stem for path in FOLDER.glob('f_impala*.npz'))


def our_name(path):
    """Return our name of a parameter, and whether it is a convolution's."""
    view = path.pop(0).removeprefix('view_') if path[0].startswith('view_') else '0'
    *place, leaf = path
    leaf = {'kernel': 'weight', 'bias': 'bias'}[leaf]
    if place == ['MLP_0', 'Dense_0']:
        return f'views.{view}.dense.{leaf}'
    stack, layer = (int(part.rsplit('_', 1)[1]) for part in place)
    assert place == [f'stack_blocks_{stack}', f'Conv_{layer}']
    block, second = divmod(layer - 1, 2)
    layer = f'blocks.{block}.{("first", "second")[second]}' if layer else 'convolution'
    return f'views.{view}.stacks.{stack}.{layer}.{leaf}'


def take_parameters(golden, prefix):
    """Move the arrays below a prefix out of the case, under our names."""
    parameters = {}
    for key in [key for key in golden if key.startswith(f'{prefix}.')]:
        value = golden.pop(key)
        parameters[our_name(key.split('.')[1:])] = (
            value.permute(3, 2, 0, 1) if value.dim() == 4 else value)
    return parameters


def kind_of(description):
    """Return the name of the encoder that a case describes."""
    (embedding,) = description['mlp_hidden_dims']
    found = tuple(description['stack_sizes']), description['num_blocks'], embedding
    (kind,) = (kind for kind, size in ENCODERS.items()
               if (size.stacks, size.blocks, size.embedding) == found)
    return kind


def test_golden_folder_has_encoders():
    assert CASES


@pytest.mark.parametrize('name', CASES)
def test_embedding_and_gradients_are_the_authors(name):
    description = json.loads((FOLDER / f'{name}.json').read_text())
    with np.load(FOLDER / f'{name}.npz') as arrays:
        golden = {key: torch.from_numpy(array) for key, array in arrays.items()}
    images = golden.pop('image').split(3, dim=-1)
    encoder = make_image_encoder(
        kind_of(description), [image.shape[1:3] for image in images])
    encoder.load_state_dict(take_parameters(golden, 'params'))
    embedding = encoder(images)
    expected = golden.pop('out')
    assert embedding.shape == (len(expected), encoder.size)
    torch.testing.assert_close(embedding.detach(), expected, rtol=1e-4, atol=1e-5)
    if 'cotangent' in golden:
        (embedding * golden.pop('cotangent')).sum().backward()
        gradients = take_parameters(golden, 'grads')
        assert gradients.keys() == dict(encoder.named_parameters()).keys()
        for key, parameter in encoder.named_parameters():
            error = (parameter.grad - gradients[key]).abs().max()
            assert error <= 1e-4 * gradients[key].abs().max(), f'{key}: off by {error}'
    assert not golden


def frames(*sizes, batch=2):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randint(0, 256, (batch, *size, 3), generator=generator).byte()
                 for size in sizes)


@pytest.mark.parametrize('kind, embedding', [
    ('impala_debug', 512), ('impala_small', 512), ('impala', 512), ('impala_large', 1024)])
def test_kinds(kind, embedding):
    encoder = make_image_encoder(kind, [(16, 16), (16, 16)])
    assert encoder.size == 2 * embedding
    view = encoder.views[0]
    stacks = (4, 4) if kind == 'impala_debug' else (64, 128, 128) if kind == 'impala_large' else (
        16, 32, 32)
    assert tuple(stack.convolution.out_channels for stack in view.stacks) == stacks
    blocks = 1 if kind in ('impala_debug', 'impala_small') else 2
    assert all(len(stack.blocks) == blocks for stack in view.stacks)
    assert view.dense.weight.shape == (stacks[-1] * (16 // 2 ** len(stacks)) ** 2, embedding)


def test_views_have_weights_of_their_own():
    torch.manual_seed(0)
    encoder = make_image_encoder('impala_debug', [(8, 8), (8, 8)])
    left, right = frames((8, 8), (8, 8))
    both, swapped = encoder((left, right)), encoder((right, left))
    assert both.shape == (2, 1024)
    assert not torch.allclose(both, swapped)
    assert not torch.allclose(both, swapped.roll(512, dims=-1))
    torch.testing.assert_close(encoder((left, left))[:, :512], both[:, :512])


@pytest.mark.parametrize('size', [(1, 1), (2, 1), (3, 2), (5, 8), (9, 7), (13, 22), (24, 31)])
def test_pooling_pads_as_published(size):
    torch.manual_seed(0)
    encoder = make_image_encoder('impala_debug', [size])
    (image,) = frames(size)
    x = image.permute(0, 3, 1, 2) / 255
    for stack in encoder.views[0].stacks:
        x = stack.convolution(x)
        padding = []
        for length in reversed(x.shape[2:]):
            total = max((-(-length // 2) - 1) * 2 + 3 - length, 0)
            padding += [total // 2, total - total // 2]
        x = torch.nn.functional.pad(x, padding, value=-torch.inf)
        x = stack.blocks(torch.nn.functional.max_pool2d(x, 3, stride=2))
    x = torch.einsum('bchw->bhwc', x.relu()).reshape(2, -1)
    expected = torch.nn.functional.gelu(encoder.views[0].dense(x), approximate='tanh')
    torch.testing.assert_close(encoder((image,)), expected, rtol=1e-4, atol=1e-5)


def test_views_of_different_sizes_and_frames_as_floats():
    encoder = make_image_encoder('impala_small', [(17, 20), (8, 11)])
    images = frames((17, 20), (8, 11))
    embedding = encoder(images)
    assert embedding.shape == (2, 1024)
    torch.testing.assert_close(encoder(tuple(image.float() for image in images)), embedding)
    # Frames that are views into larger ones, as a crop gives them.
    wide = tuple(torch.cat((image, image), dim=2) for image in images)
    cropped = tuple(image[:, :, :size] for image, size in zip(wide, (20, 11)))
    torch.testing.assert_close(encoder(cropped), embedding)


@pytest.mark.parametrize('sizes', [
    [(8, 8)], [(8, 8), (8, 8), (8, 8)], [(8, 8), (8, 6)], []])
def test_wrong_views_are_refused(sizes):
    encoder = make_image_encoder('impala_debug', [(8, 8), (8, 8)])
    with pytest.raises(ValueError, match=r'images: found .* expected \(8, 8, 3\), \(8, 8, 3\)'):
        encoder(frames(*sizes))


def test_initial_weights():
    torch.manual_seed(0)
    encoder = make_image_encoder('impala', [(32, 32)])
    for name, parameter in encoder.named_parameters():
        if name.endswith('bias'):
            assert not parameter.any()
        elif parameter.dim() == 4:
            limit = sqrt(6 / (9 * sum(parameter.shape[:2])))
            assert 0.97 * limit < parameter.abs().max() <= limit
            assert parameter.std().item() == pytest.approx(limit / sqrt(3), rel=0.1)
    one, other = (view.dense.weight for view in make_image_encoder(
        'impala_debug', [(8, 8), (8, 8)]).views)
    assert not torch.equal(one, other)


def test_autocast():
    encoder = make_image_encoder('impala_small', [(16, 16)])
    images = frames((16, 16))
    exact = encoder(images)
    with torch.autocast('cpu', torch.bfloat16):
        rough = encoder(images)
    assert (rough - exact).norm() < 0.05 * exact.norm()
    rough.float().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())
