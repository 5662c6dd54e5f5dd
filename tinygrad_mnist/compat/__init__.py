"""Names that PyTorch programs use and this library does not: old names, devices, stand-ins.

No lower layer imports it, and nothing in it is imported before a program uses a name. `paths.py`
lists which of PyTorch's import paths lead here; `torch.py` puts the library under the name `torch`.
"""
