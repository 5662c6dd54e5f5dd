"""`torch.version`: this package's, and no CUDA."""

from tinygrad_mnist import __version__ as __version__

cuda = hip = xpu = rocm = None
debug = False
git_version = "unknown"
