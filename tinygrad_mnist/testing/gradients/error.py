"""GradcheckError, the error of a check of gradients."""


class GradcheckError(RuntimeError):
    """A gradient is not the derivative; the message tells where, by how much and why."""
