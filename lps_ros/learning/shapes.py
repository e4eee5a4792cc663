"""What a contract's observations look like to the networks."""

from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.learning.networks.observations import ObservationShape


def observation_shape(contract: Contract) -> ObservationShape:
    """Return the sizes of vector and images that a policy of this contract sees."""
    encoder = ObservationEncoder(contract)
    formats = [contract.observation(key).image for key in encoder.image_keys]
    return ObservationShape(
        vector=encoder.size, images=tuple((image.height, image.width) for image in formats))
