"""The windows of CONV and MAXPOOL as ONNX says them: padding on all four sides, and what is cut off first."""

from __future__ import annotations

from typing import Any

from mlm.adapters.exact.builder import Builder, kind_of
from mlm.core.exact.node import Node

_AXES = (("h", "pad_top", 1), ("w", "pad_left", 2))


def pads_of(node: Node, kernel: tuple[int, int]) -> list[int]:
    """Rows and columns before and after the image that the windows reach, as in ONNX; less than 0: unused ones."""
    image = kind_of(node, 0).shape
    before, after = [], []
    for (axis, name, at), taps in zip(_AXES, kernel, strict=True):
        last = (node.output.shape[at] - 1) * node.attribute(f"stride_{axis}")
        reach = last + (taps - 1) * node.attribute(f"dilation_{axis}") + 1
        before.append(node.attribute(name))
        after.append(reach - node.attribute(name) - image[at])
    return before + after


def window(builder: Builder, node: Node, kernel: tuple[int, int], absent: int | None) -> tuple[str, dict[str, Any]]:
    """The image and the attributes of Conv or MaxPool; it is padded with `absent` beforehand, or cut, if need be."""
    image, pads = builder.operand(node, 0, image=True), pads_of(node, kernel)
    strides = [node.attribute("stride_h"), node.attribute("stride_w")]
    if any(pad <= -stride for pad, stride in zip(pads[2:], strides, strict=True)):
        rows, columns = (size + min(pad, 0) for size, pad in zip(kind_of(node, 0).shape[1:3], pads[2:], strict=True))
        ends = [builder.constant(values, "int64") for values in ([0, 0], [rows, columns], [2, 3])]
        image = builder.add("Slice", [image, *ends])
    pads = [max(pad, 0) for pad in pads]
    if absent is not None and any(pads):
        amounts = builder.constant([0, 0, *pads[:2], 0, 0, *pads[2:]], "int64")
        image = builder.add("Pad", [image, amounts, builder.constant(absent, builder.whole)])
        pads = [0, 0, 0, 0]
    return image, {
        "kernel_shape": list(kernel),
        "strides": strides,
        "pads": pads,
        "dilations": [node.attribute("dilation_h"), node.attribute("dilation_w")],
    }
