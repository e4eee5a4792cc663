"""Batches for training: drawn, normalised, augmented, on the device."""

from lps_ros.data.chunks import Sampler
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.augmentation import RandomCrop
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import torch
from torch import Tensor


class Batches:
    """Draws the batches of a run; all that is random comes from the sampler and a generator."""

    def __init__(
            self, sampler: Sampler, normaliser: Normaliser, config: TrainerConfig) -> None:
        """Take the settings of the run: size, device and augmentation."""
        self.sampler = sampler
        self._size = config.batch_size
        self._noise = config.observation_noise
        self._crop = RandomCrop(
            padding=config.augment_padding, probability=config.augment_probability)
        self._device = torch.device(config.device)
        self._mean = torch.from_numpy(normaliser.mean)
        self._std = torch.from_numpy(normaliser.std)

    def draw(self, generator: torch.Generator, rows: Tensor | None = None) -> Transitions:
        """
        Return the next batch, on the device; `generator` is one on the CPU.

        rows: those to return, int64; what is random is drawn for all of them.
        """
        batch = self.sampler.sample(self._size, None if rows is None else rows.numpy())
        vectors = [self._normalised(each, generator, rows)
                   for each in (batch.observations, batch.next_observations)]
        frames = [self._moved(torch.from_numpy(each))
                  for each in (*batch.images, *batch.next_images)]
        offsets = self._crop.draw(len(frames), self._size, generator)
        if offsets:
            frames = [self._crop.apply(each, self._moved(chosen(by, rows)))
                      for each, by in zip(frames, offsets, strict=True)]
        cameras = len(batch.images)
        now, later = (
            Observations(self._moved(vector), tuple(images)) for vector, images in zip(
                vectors, (frames[:cameras], frames[cameras:]), strict=True))
        return Transitions(
            observations=now, next_observations=later,
            **{name: self._moved(torch.from_numpy(getattr(batch, name)))
               for name in ('actions', 'rewards', 'masks', 'cloned')})

    def _normalised(
            self, observations: np.ndarray, generator: torch.Generator,
            rows: Tensor | None) -> Tensor:
        """Normalise observations (B, S) and add the noise of the augmentation."""
        normalised = (torch.from_numpy(observations) - self._mean) / self._std
        if self._noise:
            noise = torch.randn(self._size, normalised.shape[1], generator=generator)
            normalised.add_(chosen(noise, rows), alpha=self._noise)
        return normalised

    def _moved(self, values: Tensor) -> Tensor:
        return moved(values, self._device)


def chosen(values: Tensor, rows: Tensor | None) -> Tensor:
    """Return these rows, int64, of values (..., B, X); all of them for None."""
    return values if rows is None else values.index_select(-2, rows)


def moved(values: Tensor, device: torch.device) -> Tensor:
    """Return values of the CPU on a device; a GPU fetches them while the CPU goes on."""
    if device.type != 'cuda':
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
