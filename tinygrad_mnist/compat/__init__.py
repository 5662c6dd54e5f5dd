"""Names that PyTorch programs use and the library does not: old names, devices, stand-ins.

Nothing below needs it, and nothing in it is imported before a program asks for a name. `paths.py`
lists which of PyTorch's import paths lead here; `torch.py` puts the library under the name `torch`.
"""
