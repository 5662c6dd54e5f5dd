"""What `ops/` attaches to Tensor, for type checkers; a test keeps it current."""

from typing import Any

class TensorMethods:
    def __getattr__(self, name: str) -> Any: ...
