"""Names of PyTorch's that are not here, and what to write instead.

Looked up when a name was not found: the end of the AttributeError says what its row here says, or
which name of the namespace is nearest. `docs/differences-from-pytorch.md` is written from these
rows too. Imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable

COMPLEX = "NumPy's real dtypes are all that a Tensor holds: keep the real and imaginary parts apart"
SPARSE = "matrices are dense inside: sparse_coo_tensor has what graph networks need of them"
QUANTIZED = "there are no quantized Tensors: model.half() is the smallest that runs"
STORAGE = "a Tensor lies in an ndarray: x.numpy() is its memory, x.data_ptr() where it begins"
DEVICE = "everything runs on the CPU"
SCRIPT = "nothing is compiled to TorchScript: tinygrad_mnist.jit compiles a step"
INTERNAL = "PyTorch's own machinery"

# By namespace; several names share a reason.
_ROWS: dict[str, list[tuple[str, str]]] = {
    "torch": [
        ("bfloat16 complex complex32 complex64 complex128 cfloat cdouble chalf", ""),
        ("polar view_as_complex view_as_real angle imag conj conj_physical resolve_conj is_conj "
         "complex stft istft", COMPLEX),
        ("sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor "
         "sparse_compressed_tensor sspaddmm hspmm hsmm dsmm saddmm", SPARSE),
        ("quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize quint8 "
         "qint8 qint32 quint2x4 quint4x2 qscheme quantization ao", QUANTIZED),
        ("Storage FloatStorage LongStorage DoubleStorage IntStorage ByteStorage UntypedStorage "
         "TypedStorage", STORAGE),
        ("fx", "a program's calls are not traced into a graph: hooks see a module's calls, and "
               "x.grad_fn what was recorded"),
        ("export", "nothing is traced into a graph: serialize.exchange.save_onnx writes a model"),
        ("package deploy", "save() writes a module of known layers, and a state dict of any"),
        ("nested", "pad the rows to one length: nn.utils.rnn.pad_sequence"),
        ("masked futures library monitor", INTERNAL),
    ],
    "Tensor": [
        ("storage untyped_storage storage_type set_", STORAGE),
        ("to_sparse_csr to_sparse_csc to_sparse_bsr to_sparse_bsc coalesce indices values "
         "crow_indices col_indices sparse_mask is_coalesced sparse_dim dense_dim", SPARSE),
        ("imag conj conj_physical resolve_conj angle cfloat cdouble chalf", COMPLEX),
        ("bfloat16", "NumPy has no bfloat16: use float() or half()"),
        ("xpu mtia ipu record_stream", DEVICE),
        ("q_scale q_zero_point int_repr dequantize qscheme", QUANTIZED),
        ("as_strided_", "a view is made by indexing, transpose, unfold and expand"),
        ("reinforce", "use distributions: loss = -m.log_prob(action) * reward"),
    ],
    "nn": [
        ("quantized quantizable qat intrinsic", QUANTIZED),
    ],
    "optim": [
        ("SparseAdam", "gradients are dense here: use Adam"),
    ],
    "utils": [
        ("cpp_extension", "there is no C++ to extend: an op is a row of the table with NumPy "
                          "kernels, or an autograd.Function"),
        ("tensorboard", "pip install tensorboardX, whose SummaryWriter needs no PyTorch"),
        ("bottleneck benchmark", "python -m cProfile, and timeit"),
        ("mobile_optimizer", "serialize.exchange.save_onnx writes a model for other runtimes"),
    ],
    "autograd": [
        ("forward_ad", "use autograd.functional.jvp"),
        ("graph", "use Tensor.register_hook and autograd.graph_memory"),
    ],
    "backends": [
        ("opt_einsum quantized xeon", DEVICE),
    ],
}  # fmt: skip

INSTEAD: dict[str, dict[str, str]] = {
    namespace: {name: reason for names, reason in rows for name in names.split()}
    for namespace, rows in _ROWS.items()
}


def instead(namespace: str, name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: what to write instead, or what was probably meant.

    `namespace` is PyTorch's, without `torch.`; the root is "".

    >>> instead("Tensor", "storage", [])
    '; a Tensor lies in an ndarray: x.numpy() is its memory, x.data_ptr() where it begins'
    >>> instead("nn", "Lienar", ["Linear"])
    "; did you mean 'Linear'?"
    """
    reason = INSTEAD.get(namespace or "torch", {}).get(name)
    if reason:
        return f"; {reason}"
    from tinygrad_mnist.hints import did_you_mean

    return did_you_mean(name, known)
