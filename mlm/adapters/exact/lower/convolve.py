"""Conv, pooling and means: whatever moves a window over an image."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.context import HIGH, LOW, Context, rounded
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import Layout, images, of_axes
from mlm.adapters.exact.lower.simplify import Step
from mlm.adapters.exact.lower.views import View
from mlm.core.exact.graph import EXACT_LIMIT
from mlm.core.exact.node import Op

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_MAGNITUDE = 128


def conv(context: Context, step: Step) -> None:
    """Conv of one or two axes, in groups, strided, dilated and padded. Weights are constants."""
    import numpy as np

    value, weights, bias = context.value(step), context.constant(step, 1), context.constant(step, 2)
    if weights is None or weights.ndim not in (3, 4):
        raise step.fails("expected constant weights of one or two spatial axes")
    if "bias" in step.attributes:
        bias = step.attributes["bias"] + (0 if bias is None else bias)
    groups = int(step.attributes.get("group", 1))
    if weights.ndim == 3:
        weights = weights[:, :, None, :]
    turned = np.ascontiguousarray(weights.transpose(0, 2, 3, 1))
    layout = images(context.shape(step))
    window = _window(context, step, value, weights.shape[2:])
    means = context.mean(step.inputs[0], 1)
    if means is not None:
        means = np.tile(
            np.repeat(means.reshape(groups, -1), len(weights) // groups, axis=0), (1, prod(weights.shape[2:]))
        )
    node, window = _placed(context, value, window, weights.shape[2:], layout.shape)
    context.weighted(
        step,
        Op.CONV,
        value,
        node,
        turned,
        bias,
        layout.shape,
        layout.view(len(context.shape(step))),
        (*window, groups),
        means,
    )


def conv_transpose(context: Context, step: Step) -> None:
    """ConvTranspose whose windows do not overlap: a CONV of one pixel to kernel_h · kernel_w of them, moved apart."""
    import numpy as np

    value, weights, bias = context.value(step), context.constant(step, 1), context.constant(step, 2)
    if weights is None or weights.ndim != 4 or int(step.attributes.get("group", 1)) != 1:
        raise step.fails("expected constant weights of two spatial axes, in one group")
    kernel = list(weights.shape[2:])
    n, c, h, w = value.shape
    out = context.shape(step)
    if list(step.attributes.get("strides", [1, 1])) != kernel or out[2:] != (h * kernel[0], w * kernel[1]):
        raise step.fails(f"expected strides of {kernel} and no padding, so that windows do not overlap")
    count = weights.shape[1]
    turned = weights.transpose(2, 3, 1, 0).reshape(-1, 1, 1, c)  # rows, columns, channels: one VIEW moves them
    whole = images((n, len(turned), h, w))
    view = whole.view(4).reshaped((n, *kernel, count, h, w))
    assert view is not None, "one axis divided"
    first, rows, columns, channels, height, width = view.axes
    context.weighted(
        step,
        Op.CONV,
        value,
        context.nodes.place(value, images(value.shape)),
        np.ascontiguousarray(turned),
        None if bias is None else np.tile(bias, kernel[0] * kernel[1]),
        whole.shape,
        View((first, channels, height + rows, width + columns)),
        (1, 1, 0, 0, 1, 1, 1),
        None if (means := context.mean(step.inputs[0], 1)) is None else means[None],
    )


def _window(context: Context, step: Step, value: Value, kernel: Sequence[int]) -> tuple[int, ...]:
    """stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w. InvalidData for padding of whole windows."""
    rank, attributes = len(value.shape) - 2, step.attributes
    missing = (1,) * (2 - rank)
    strides = (*missing, *attributes.get("strides", [1] * rank))
    dilations = (*missing, *attributes.get("dilations", [1] * rank))
    given = attributes.get("pads", [0] * (2 * rank))
    before = [*(0,) * (2 - rank), *given[:rank]]
    size, out = images(value.shape).shape, images(context.shape(step)).shape
    automatic = attributes.get("auto_pad", b"NOTSET")
    automatic = automatic.decode() if isinstance(automatic, bytes) else automatic
    for axis in (0, 1):
        reach = (kernel[axis] - 1) * dilations[axis]
        if automatic in ("SAME_UPPER", "SAME_LOWER"):
            whole = max((out[1 + axis] - 1) * strides[axis] + reach + 1 - size[1 + axis], 0)
            before[axis] = (whole + (automatic == "SAME_LOWER")) // 2
        elif automatic == "VALID":
            before[axis] = 0
        if not 0 <= before[axis] <= reach or (out[1 + axis] - 1) * strides[axis] - before[axis] >= size[1 + axis]:
            raise step.fails("its padding holds whole windows, or is negative")
    return (*strides, *before, *dilations)


def _placed(
    context: Context, value: Value, window: tuple[int, ...], kernel: Sequence[int], out: Sequence[int]
) -> tuple[int, tuple[int, ...]]:
    """The image as NHWC; where its zero is no 0 and windows reach beyond it, with a PAD of that around it."""
    node = context.nodes.place(value, images(value.shape))
    if not value.zero:
        return node, window
    strides, before, dilations = window[:2], window[2:4], window[4:]
    n, height, width, channels = context.nodes.shape(node)
    sizes = []
    for at, size in enumerate((height, width)):
        reach = (out[1 + at] - 1) * strides[at] + (kernel[at] - 1) * dilations[at] + 1
        sizes.append(max(reach, size + before[at]))
    if sizes == [height, width]:
        return node, window
    fill = min(max(round(value.zero), LOW), HIGH)
    padded = context.nodes.add(Op.PAD, (n, sizes[0], sizes[1], channels), [node], (0, *before, 0, fill))
    return padded, (*strides, 0, 0, *dilations)


def maxpool(context: Context, step: Step) -> None:
    """MaxPool of one or two axes."""
    value = context.value(step)
    kernel = tuple(step.attributes["kernel_shape"])
    kernel = (1,) * (2 - len(kernel)) + kernel
    if len(step.outputs) > 1 and step.outputs[1] or len(kernel) != 2:
        raise step.fails("expected one or two spatial axes, and no indices")
    window, layout = _window(context, step, value, kernel), images(context.shape(step))
    node = context.nodes.place(value, images(value.shape))
    index = context.nodes.add(Op.MAXPOOL, layout.shape, [node], (*kernel, *window))
    context.bind(step.output, Value(index, layout.view(len(value.shape)), value.scale, value.zero))


def reduce_max(context: Context, step: Step) -> None:
    """ReduceMax and GlobalMaxPool: one window over all that is reduced."""
    value, axes = context.value(step), reduced_axes(context, step)
    others = [axis for axis in range(len(value.shape)) if axis not in axes]
    layout = of_axes(value.shape, [others[:-1], axes, (), others[-1:]])
    node = context.nodes.place(value, layout)
    a, b, c, d = layout.shape
    index = context.nodes.add(Op.MAXPOOL, (a, 1, 1, d), [node], (b, 1, 1, 1, 0, 0, 1, 1))
    context.bind(step.output, _kept(context, step, value, axes, layout, index))


def _kept(context: Context, step: Step, value: Value, axes: Sequence[int], layout: Layout, index: int) -> Value:
    """The value of a reduction's output, whose axes may be kept or not."""
    groups = [tuple(atom for atom in group if atom.axis not in axes) for group in layout.groups]
    view = Layout((groups[0], groups[1], groups[2], groups[3])).view(len(value.shape))
    shaped = view.reshaped(context.shape(step))
    assert shaped is not None, "axes of size 1 come and go"
    return Value(index, shaped, value.scale, value.zero)


def reduced_axes(context: Context, step: Step) -> list[int]:
    """The axes of a reduction or of a global pool, in order."""
    rank = len(context.value(step).shape)
    if step.op.startswith("Global"):
        return list(range(2, rank))
    axes = step.attributes.get("axes")
    if axes is None and (given := context.constant(step, 1)) is not None:
        axes = given.ravel().tolist()
    if axes is None or not len(axes):
        axes = [] if step.attributes.get("noop_with_empty_axes") else range(rank)
    return sorted(int(axis) % rank for axis in axes)


def average(context: Context, step: Step) -> None:
    """AveragePool: a CONV of equal weights for each channel. Padding counts, as zeros, or there is none."""
    value = context.value(step)
    kernel = tuple(step.attributes["kernel_shape"])
    kernel = (1,) * (2 - len(kernel)) + kernel
    if len(kernel) != 2:
        raise step.fails("expected one or two spatial axes")
    window, layout = _window(context, step, value, kernel), images(context.shape(step))
    _, height, width, channels = images(value.shape).shape
    _, rows, columns, _ = layout.shape
    inside = all(
        (out - 1) * stride - before + taps <= size and not before
        for out, stride, before, taps, size in zip(
            (rows, columns), window[:2], window[2:4], kernel, (height, width), strict=True
        )
    )
    if not inside and not step.attributes.get("count_include_pad", 0):
        raise step.fails("expected count_include_pad=1 where windows reach beyond the image")
    node, window = _placed(context, value, window, kernel, layout.shape)
    view = layout.view(len(value.shape))
    _equal(context, step, Op.CONV, value, node, channels, kernel, 1 / prod(kernel), layout.shape, view, window)


def reduce_mean(context: Context, step: Step) -> None:
    """ReduceMean, ReduceSum and GlobalAveragePool: over an image by a CONV, over anything else by a MATMUL."""
    value, axes = context.value(step), reduced_axes(context, step)
    count = prod(value.shape[axis] for axis in axes)
    if count == 1:
        shaped = value.view.reshaped(context.shape(step))
        assert shaped is not None, "axes of size 1 come and go"
        return context.bind(step.output, value.seen(shaped))
    factor = 1.0 if step.op == "ReduceSum" else 1 / count
    others = [axis for axis in range(len(value.shape)) if axis not in axes]
    image = len(value.shape) in (3, 4) and axes == list(range(2, len(value.shape)))
    if image:
        layout = images(value.shape)
        a, b, c, d = layout.shape
        node = context.nodes.place(value, layout)
        view = _kept(context, step, value, axes, layout, node).view
        return _equal(context, step, Op.CONV, value, node, d, (b, c), factor, (a, 1, 1, d), view, (1, 1, 0, 0, 1, 1))
    layout = of_axes(value.shape, [others[:-2], others[-2:-1], others[-1:], axes])
    a, b, c, d = layout.shape
    node = context.nodes.place(value, layout)
    view = _kept(context, step, value, axes, layout, node).view
    return _equal(context, step, Op.MATMUL, value, node, 1, (1, d), factor, (a, b, c, 1), view, ())


def _equal(
    context: Context,
    step: Step,
    op: Op,
    value: Value,
    node: int,
    channels: int,
    kernel: Sequence[int],
    factor: float,
    shape: tuple[int, int, int, int],
    view: Any,
    window: tuple[int, ...],
) -> None:
    """Sums times `factor`, all weights equal: the output's scale is made such that none is rounded."""
    import numpy as np

    target = context.target(step)
    count, wanted = prod(kernel), value.scale * factor / target.scale
    most = min(127, (EXACT_LIMIT - 1) // (count * 4 * _MAGNITUDE))
    if most < 1:
        raise step.fails(f"a mean over {count} numbers passes the accumulator's 24 bits")
    shift = int(np.clip(np.floor(np.log2(most / wanted)), 0, 24))
    weight = int(np.clip(np.rint(wanted * 2.0**shift), 1, most))
    scale = rounded(value.scale * factor * 2.0**shift / weight)
    row = (1, 1, 1, channels)
    weights = np.full((channels, *kernel, 1) if op is Op.CONV else (1, 1, 1, count), weight, np.int8)
    bias = np.full(row, np.rint(target.zero * 2.0**shift - value.zero * count * weight), np.int32)
    groups = (channels,) if op is Op.CONV else ()
    index = context.nodes.add(
        op, shape, [node, weights, bias, np.full(row, shift, np.int8)], (*window, *groups, *target.limits(scale))
    )
    context.largest = max(context.largest, count * weight * _MAGNITUDE)
    context.bind(target.name, Value(index, view, scale, target.zero))
