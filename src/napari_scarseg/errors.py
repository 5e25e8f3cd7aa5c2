"""Errors whose message is one sentence for a person: what was wrong and what to do."""


class ScarSegError(Exception):
    """Base of every error that this package raises on purpose.

    Its text is shown to the user as it stands (one line on stderr, or a napari notification), so it names no
    patient and says what to do next.
    """


class InputError(ScarSegError):
    """An input file, array or table cannot be used as it is."""


class DeviceError(ScarSegError):
    """The compute device that was asked for is absent, or ran out of memory."""


class WeightsError(ScarSegError):
    """A file of network weights is missing, damaged, unsafe, or of another architecture."""
