"""`torch.version`: this package's version, and no CUDA."""

from tinygrad_mnist import __version__ as __version__

cuda = hip = xpu = rocm = None
debug = False
git_version = "unknown"
