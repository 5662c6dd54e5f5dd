"""Names of PyTorch that this package lacks, and what to write instead.

Imported when a name is not found: the AttributeError ends with the sentence of its row here, or
with the nearest name of the namespace. `docs/differences-from-pytorch.md` is written from these
rows too. Imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable

COMPLEX = "a Tensor has only NumPy's real dtypes: keep the real and imaginary parts apart"
SPARSE = "matrices are dense inside: sparse_coo_tensor supports what graph networks need"
QUANTIZED = "there are no quantized Tensors: model.half() is the smallest that runs"
STORAGE = "a Tensor lies in an ndarray: x.numpy() is its memory, x.data_ptr() where it begins"
DEVICE = "everything runs on the CPU"
SCRIPT = "nothing is compiled to TorchScript: tinygrad_mnist.jit compiles a step"
INTERNAL = "PyTorch's own machinery"

# By namespace; several names share a reason.
_ROWS: dict[str, list[tuple[str, str]]] = {
    "torch": [
        ("bfloat16 complex complex32 complex64 complex128 cfloat cdouble chalf", ""),
        ("polar view_as_complex view_as_real imag "
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
        ("acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asinh_ atanh_ deg2rad_ "
         "detach gcd_ index_put_ lcm_ ldexp_ rad2deg_", "it is a method of Tensor: x.acosh_()"),
        ("adaptive_max_pool1d alpha_dropout_ celu_ ctc_loss dropout_ embedding_bag "
         "feature_alpha_dropout_ instance_norm rrelu_ selu_ threshold_", "nn.functional has it"),
        ("max_pool1d_with_indices", "use nn.functional.max_pool1d(x, ..., return_indices=True)"),
        ("feature_dropout feature_dropout_", "use nn.functional.dropout2d"),
        ("i0_", "write x.copy_(x.i0())"),
        ("binomial", "use distributions.Binomial(count, prob).sample()"),
        ("poisson", "use distributions.Poisson(rate).sample()"),
        ("broadcast_shapes", "use numpy.broadcast_shapes"),
        ("frobenius_norm", "use linalg.matrix_norm(x)"),
        ("nuclear_norm", "use linalg.matrix_norm(x, 'nuc')"),
        ("pca_lowrank svd_lowrank", "use linalg.svd, and leave out the small singular values"),
        ("from_file", "use from_numpy(numpy.memmap(path, dtype, 'r+'))"),
        ("is_inference_mode_enabled", "use not is_grad_enabled(): inference_mode is no_grad here"),
        ("segment_reduce", "use scatter_reduce with the number of each element's segment"),
        ("signal", "the windows are functions of the package itself: hann_window(64)"),
        ("quasirandom", "use from_numpy with scipy.stats.qmc"),
        ("choose_qparams_optimized fused_moving_avg_obs_fake_quant", QUANTIZED),
    ],
    "Tensor": [
        ("storage untyped_storage storage_type set_", STORAGE),
        ("to_sparse_csr to_sparse_csc to_sparse_bsr to_sparse_bsc coalesce indices values "
         "crow_indices col_indices sparse_mask is_coalesced sparse_dim dense_dim", SPARSE),
        ("imag cfloat cdouble chalf", COMPLEX),
        ("bfloat16", "NumPy has no bfloat16: use float() or half()"),
        ("xpu mtia ipu record_stream", DEVICE),
        ("q_scale q_zero_point int_repr dequantize qscheme", QUANTIZED),
        ("as_strided_", "a view is made by indexing, transpose, unfold and expand"),
        ("reinforce", "use distributions: loss = -m.log_prob(action) * reward"),
        ("digamma_ erfinv_ i0_ igamma_ igammac_ lgamma_ mvlgamma_ polygamma_",
         "write the result back: x.copy_(x.digamma())"),
        ("register_post_accumulate_grad_hook",
         "do it after backward(), or in register_hook, before the gradient is added"),
        ("to_padded_tensor", "pad the rows to one length: nn.utils.rnn.pad_sequence"),
    ],
    "nn": [
        ("LinearCrossEntropyLoss LinearCrossEntropyOptions",
         "use nn.Linear and nn.CrossEntropyLoss"),
        ("grad", "use autograd.grad"),
        ("quantized quantizable qat intrinsic", QUANTIZED),
    ],
    "nn.functional": [
        ("grad", "use autograd.grad"),
        ("Tensor", "it is tinygrad_mnist.Tensor"),
        ("grouped_mm scaled_mm scaled_grouped_mm", "use bmm, or a loop over the groups"),
    ],
    "nn.utils": [
        ("convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format",
         "leave it out: kernels lay out images channels last by themselves"),
    ],
    "optim": [
        ("SparseAdam", "gradients are dense here: use Adam"),
        ("swap_in_optimizer_params_and_state", INTERNAL),
    ],
    "optim.lr_scheduler": [
        ("Tensor", "it is tinygrad_mnist.Tensor"),
    ],
    "linalg": [
        ("ldl_factor ldl_factor_ex ldl_solve", "use lu_factor and lu_solve, or solve"),
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
        ("NestedIOFunction", INTERNAL),
    ],
    "distributed": [
        ("all_gather_object broadcast_object_list gather_object scatter_object_list "
         "send_object_list recv_object_list",
         "objects would travel as pickles, and a pickle can run code: send Tensors"),
        ("all_to_all all_to_all_single reduce_scatter reduce_scatter_tensor",
         "use all_reduce or all_gather, and take this rank's part"),
        ("isend irecv batch_isend_irecv P2POp", "use send and recv"),
        ("monitored_barrier", "use barrier: a rank that has ended is named in any collective"),
        ("fsdp rpc tensor pipelining elastic run optim algorithms checkpoint device_mesh "
         "init_device_mesh DeviceMesh Store TCPStore FileStore HashStore PrefixStore",
         "mpiexec starts the ranks, and nn.parallel.DistributedDataParallel trains on them; "
         "there is no more than that"),
    ],
    "backends": [
        ("opt_einsum quantized xeon", DEVICE),
    ],
}  # fmt: skip

# Kinds of names, by prefix or suffix, and the reason why none of them is here
FAMILIES: list[tuple[str, str]] = [
    (r".*Storage$|.*StorageBase$", STORAGE),
    (
        r"q_.*|.*quantiz.*|.*qat$|fbgemm_.*|qu?int.*|.*per_(tensor|channel)_.*|per_(tensor|channel).*|"
        r"Q?U?Int\w*Storage|intrinsic|int_repr|qscheme|ao",
        QUANTIZED,
    ),
    (
        r"cudnn_.*|miopen_.*|mkldnn_.*|.*_mkldnn|to_mkldnn|cuda.*|is_(vulkan|maia|ipu).*|.*_stream|"
        r"Stream.*|Event|DeviceObjType|get_device_module|mtia|xpu|ipu|cpu|has_(mkl|openmp|lapack|"
        r"spectral)|init_num_threads|OutOfMemoryError|AcceleratorError|is_distributed",
        DEVICE,
    ),
    (
        r".*(csr|csc|bsr|bsc|ccol|crow|col_indices|row_indices|sparse|coalesce|indices_copy|"
        r"values_copy).*|saddmm|sspaddmm|hsmm|hspmm|dsmm|smm|jagged|sparse_.*|dense_dim|values|indices",
        SPARSE,
    ),
    (
        r".*complex.*|.*conj.*|imag|angle|polar|stft|istft|view_as_real.*|cfloat|cdouble|chalf|eig|"
        r"eigvals|lobpcg|symeig",
        COMPLEX,
    ),
    (
        r".*(Type|Type2|Script\w*|Graph|Graph\w*|JIT\w*|IR|ir|Code|Block|Node|Value|Use|Gradient|"
        r"CompilationUnit|CallStack|Capsule|FileCheck|FunctionSchema|ArgumentSpec|TracingState|Pytorch"
        r"File\w*|Stack|StaticModule|ExecutionPlan|IODescriptor|Argument|AliasDb|Concrete\w*|"
        r"OperatorInfo|Future\w*|Await\w*|ErrorReport|LoggerBase|Logger|import_ir.*|parse_.*|"
        r"unify_.*|merge_type.*|fork|wait|cond|while_loop|LiteScriptModule|DeepCopyMemoTable|"
        r"SerializationStorageContext)$|PyTorchFile\w*|CompleteArgumentSpec|BufferDict|ModuleDict|"
        r"ParameterDict|SUM|AVG|AggregationType|DispatchKey\w*|ExcludeDispatch\w*|DisableTorch\w*|"
        r"PRIVATE_OPS|USE_\w*|Benchmark\w*|Throughput\w*|FatalError|Tag|Type|classes|classproperty|"
        r"Sym\w+|sym_.*|Deserialization\w*|ObjectType|cpp|boolean_dispatch|Broadcasting\w*|"
        r"\w*_notes|handle_torch_function|has_torch_function\w*|DType|\w*_MODES|assert_int_or_pair|"
        r"factory_kwargs|Swizzle\w*|Scaling\w*|EPOCH_\w*|get_file_path|prepare_multi\w*|profiler_\w*|"
        r"thread_safe_generator|torch_version|windows|hash_tensor|\w*_backward_\w*|batch_norm_\w*|"
        r"native_\w*|norm_except_dim|embedding_renorm_|\w*autocast\w*|common_notes|"
        r"enforce_grad_layout_policy|set_multithreading_enabled|is_warn_always_enabled|"
        r"get_deterministic_debug_mode|is_anomaly_check_nan_enabled|slice_inverse|module_load|"
        r"const_data_ptr|dim_order|grad_dtype|map2_|legacy_contiguous_format|convolution",
        INTERNAL,
    ),
    (r"(lstm|gru|rnn)\w*", "the layers of nn compute them: nn.LSTM, nn.GRUCell, ..."),
    (r"u?int[1-7]|float[48]_\w*|bit|bits\d\w*", "NumPy has no such dtype"),
    (
        r"as_strided_\w*|new_empty_strided|empty_strided|empty_permuted",
        "a Tensor is laid out as its kernels want: use permute, expand, unfold and contiguous",
    ),
    (
        r"solve|lstsq|matrix_rank|resize|resize_as|volatile|reinforce|index|Container|to_dlpack",
        "PyTorch itself has removed it, or raises an error that names its successor",
    ),
    (
        r"IterDataPipe|MapDataPipe|DFIterDataPipe|DataChunk|\w*datapipe\w*|runtime_validation\w*|"
        r"argument_validation|non_deterministic",
        "there are no data pipes: use a Dataset and a DataLoader",
    ),
    (
        r"SyncBatchNorm",
        "use BatchNorm: each rank normalizes its own part of a batch, and rank 0's statistics are "
        "kept",
    ),
]

INSTEAD: dict[str, dict[str, str]] = {
    namespace: {name: reason for names, reason in rows for name in names.split()}
    for namespace, rows in _ROWS.items()
}


def of_family(name: str) -> str:
    """Return the reason for the family of a missing name; "" if it belongs to none.

    >>> of_family("cudnn_convolution")
    'everything runs on the CPU'
    """
    import re

    return next((reason for kind, reason in FAMILIES if re.fullmatch(kind, name)), "")


def instead(namespace: str, name: str, names: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: the substitute, or the nearest name.

    `namespace` is PyTorch's, without `torch.`; the root is "".

    >>> instead("Tensor", "storage", [])
    '; a Tensor lies in an ndarray: x.numpy() is its memory, x.data_ptr() where it begins'
    >>> instead("nn", "Lienar", ["Linear"])
    "; did you mean 'Linear'?"
    """
    reason = INSTEAD.get(namespace or "torch", {}).get(name)
    if reason is None and namespace in ("", "Tensor"):
        reason = of_family(name)
    if reason:
        return f"; {reason}"
    if name.startswith("_"):  # asked by a tool, which tries many: pytest, IPython
        return ""
    from tinygrad_mnist.hints import did_you_mean

    return did_you_mean(name, names)
