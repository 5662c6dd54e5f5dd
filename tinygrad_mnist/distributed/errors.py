"""Errors between ranks, with PyTorch's names."""


class DistError(RuntimeError):
    """Ranks cannot work together; the message is one line with the remedy."""


class DistBackendError(DistError):
    """MPI is not there, cannot start, or reports an error."""
