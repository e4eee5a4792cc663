"""The products that a computation executes: counted, and executed again with nothing between."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry
from torch.utils.flop_counter import sdpa_backward_flop_count
from torch.utils.flop_counter import sdpa_flop_count

_aten = torch.ops.aten
_MATRIX_PRODUCTS = (_aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm)
# A tensor above this size (bytes) is in no cache, so others of its shape may stand in for it.
_LARGE = 64 * 2**20


def _attention(q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(q.shape, k.shape, v.shape)


def _attention_backward(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(grad.shape, q.shape, k.shape, v.shape)


# torch's own table counts attention on GPUs only.
_OPERATIONS: dict[Any, Callable[..., int]] = flop_registry | {
    _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward}


class Products(TorchDispatchMode):
    """
    Records matrix products, convolutions and fused attention that are executed while active.

    flop: their operations, where a multiplication and an addition are two; count: how many there
    were. Their operands are kept, or tensors like them where they are large.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flop = 0
        self._calls: list[Callable[[], object]] = []
        self._large: dict[Any, Tensor] = {}

    @property
    def count(self) -> int:
        """Return how many products were recorded."""
        return len(self._calls)

    @torch.no_grad()
    def repeat(self) -> None:
        """Execute all of them again: the time that no faster code around them can go below."""
        for call in self._calls:
            call()

    def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Execute an operation; record it where it is a product."""
        kwargs = kwargs or {}
        if func.overloadpacket not in _OPERATIONS:
            # Without gradients a convolution or a linear layer arrives here whole.
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        packet = func.overloadpacket
        if packet in _OPERATIONS:
            self.flop += _OPERATIONS[packet](*args, **kwargs, out_val=result)
            self._calls.append(self._bare(func, args, kwargs, result))
        return result

    def _bare(self, func: Any, args: Any, kwargs: Any, result: Any) -> Callable[[], object]:
        if func.overloadpacket in _MATRIX_PRODUCTS:
            # In a sum with a product the last two operands are the factors.
            a, b = map(self._kept, args[-2:])
            return partial(torch.matmul, a, b, out=self._kept(torch.empty_like(result)))
        args, kwargs = tree_map_only(Tensor, self._kept, (args, kwargs))
        return partial(func, *args, **kwargs)

    def _kept(self, tensor: Tensor) -> Tensor:
        if tensor.nbytes < _LARGE:
            return tensor.detach()
        key = tensor.shape, tensor.stride(), tensor.dtype
        if key not in self._large:
            self._large[key] = torch.empty_strided(
                *key[:2], dtype=tensor.dtype, device=tensor.device).fill_(1)
        return self._large[key]
