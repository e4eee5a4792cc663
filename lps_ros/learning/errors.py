"""Errors of the learning room; every message is one line that says what to do."""


class LearningError(ValueError):
    """Training or a policy that cannot go on."""


class ConfigError(LearningError):
    """A setting with an impossible value or an unknown name."""


class TrainingError(LearningError):
    """Training that diverged, or that cannot be resumed."""


class BundleError(LearningError):
    """A policy bundle that is damaged, incomplete or too new."""
