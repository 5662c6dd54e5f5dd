"""Layers: Modules that hold the parameters and settings of a function, one file per family.

A layer computes nothing itself: its `forward` calls `nn.functional`. Names of parameters, their
shapes and order are PyTorch's, because files depend on them: do not rename.
"""
