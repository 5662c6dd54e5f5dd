"""GradcheckError: what a check of gradients raises."""


class GradcheckError(RuntimeError):
    """A gradient is not the derivative: says where, by how much, and what it looks like."""
