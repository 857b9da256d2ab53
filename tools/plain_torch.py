"""What a PyTorch user would write: three networks and a plain training loop; a contestant of tools/benchmark_training.py.

Pictures lie on the device and are changed there by one indexing, nothing waits for the device inside a round. With CUDA: bfloat16 by autocast, torch.compile,
a fused optimizer and cuDNN's search for the fastest convolutions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 10

# Howard et al., 2017, Table 1: (stride, filters) of each depthwise convolution and the 1x1 convolution after it.
MOBILENET = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5, (2, 1024), (1, 1024))
# Iandola et al., 2016, Table 1: fire modules (s1x1, e1x1, e3x3) between pools, which are None.
SQUEEZENET = (None, (16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256))
# He et al., 2015, Table 1: (blocks, inner filters) of the four stages.
RESNET50 = ((3, 64), (4, 128), (6, 256), (3, 512))
SMALL = 13  # pixels; edgecnn's SqueezeNet pads smaller maps before it pools them


def unit(inputs: int, filters: int, kernel: int, stride: int = 1, groups: int = 1, act: Sequence[nn.Module] = (), epsilon: float = 1e-5) -> nn.Sequential:
    """Convolution and batch norm, then `act`: [N, inputs, H, W] -> [N, filters, H/stride, W/stride]."""
    conv = nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(filters, eps=epsilon), *act)


def mobilenet(width: float = 1.0) -> nn.Module:
    """MobileNet v1: [N, 3, H, W] -> logits [N, 10]."""
    channels = int(32 * width)
    layers: list[nn.Module] = [unit(3, channels, 3, 2, 1, [nn.ReLU6(True)], 1e-3)]
    for stride, filters in MOBILENET:
        filters = int(filters * width)
        layers += [unit(channels, channels, 3, stride, channels, [nn.ReLU6(True)], 1e-3), unit(channels, filters, 1, 1, 1, [nn.ReLU6(True)], 1e-3)]
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(1e-3), nn.Linear(channels, CLASSES))


class Fire(nn.Module):
    """Squeeze by 1x1, expand by 1x1 and 3x3 side by side: [N, inputs, H, W] -> [N, 2 * expand, H, W]."""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze, self.one, self.three = nn.Conv2d(inputs, squeeze, 1), nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = functional.relu(self.squeeze(x))
        return torch.cat([functional.relu(self.one(x)), functional.relu(self.three(x))], 1)


class Pool(nn.Module):
    """Maximum over 3x3 with stride 2, padded where the map is small: [N, C, H, W] -> [N, C, about H/2, about W/2]."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return functional.max_pool2d(x, 3, 2, 1 if min(x.shape[2:]) < SMALL else 0)


def squeezenet() -> nn.Module:
    """SqueezeNet 1.0: [N, 3, H, W] -> logits [N, 10]."""
    layers, channels = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(True)], 96
    for row in SQUEEZENET:
        layers.append(Fire(channels, *row) if row else Pool())
        channels = 2 * row[1] if row else channels
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Conv2d(channels, CLASSES, 1), nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times as many channels, beside a shortcut: [N, inputs, H, W] -> [N, 4 * filters, H/stride, W/stride]."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        relu = [nn.ReLU(True)]
        self.body = nn.Sequential(unit(inputs, filters, 1, act=relu), unit(filters, filters, 3, stride, act=relu), unit(filters, 4 * filters, 1))
        self.shortcut = nn.Identity() if inputs == 4 * filters else unit(inputs, 4 * filters, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet50() -> nn.Module:
    """ResNet-50 with the stride in the 3x3 convolutions: [N, 3, H, W] -> logits [N, 10]."""
    layers: list[nn.Module] = [unit(3, 64, 7, 2, act=[nn.ReLU(True)]), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, (blocks, filters) in enumerate(RESNET50):
        for block in range(blocks):
            layers.append(Bottleneck(channels, filters, 2 if stage and not block else 1))
            channels = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


def build(network: str, width: float) -> nn.Module:
    """One of the three by edgecnn's name for it; `width` is MobileNet's."""
    return mobilenet(width) if network == "mobilenet" else {"squeezenet": squeezenet, "resnet50": resnet50}[network]()


def parameters(net: nn.Module) -> int:
    """As Keras counts them: with the moving statistics of batch norms."""
    return sum(tensor.numel() for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked"))


def changed(pictures: Tensor, chosen: Tensor, crop: int) -> Tensor:
    """Random flip and shift by whole pixels, up to `crop`, the nearest pixel coming in: uint8 [M, H, W, 3] and indices [N] -> uint8 [N, 3, H, W]."""
    count, size, device = len(chosen), pictures.shape[1], pictures.device
    at = torch.arange(size, device=device)
    down, right = torch.randint(-crop, crop + 1, (2, count, 1), device=device)
    columns = torch.where(torch.rand(count, 1, device=device) < 0.5, at, size - 1 - at)
    rows, columns = (at + down).clamp(0, size - 1), (columns + right).clamp(0, size - 1)
    return pictures[chosen[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def epochs(net: nn.Module, arrays: tuple[np.ndarray, np.ndarray], batch: int, crop: int, cuda: bool) -> Iterator[float]:
    """Seconds of one epoch after the other; the first includes compilation.

    Args:
        net: changed in place.
        arrays: pictures, uint8 [M, H, W, 3] with M a multiple of `batch`, and labels [M].
        batch: pictures a step.
        crop: largest shift in pixels.
        cuda: compute on a GPU, in bfloat16.
    """
    device = "cuda" if cuda else "cpu"
    torch.backends.cudnn.benchmark = True
    pictures, labels = (torch.from_numpy(array).to(device) for array in arrays)
    net = net.to(device, memory_format=torch.channels_last).train()
    forward = torch.compile(net) if cuda else net
    optimizer = torch.optim.SGD(net.parameters(), 1e-3, momentum=0.9, fused=cuda or None)
    while True:
        began = time.perf_counter()
        for chosen in torch.randperm(len(labels), device=device).split(batch):
            x = changed(pictures, chosen, crop).float() / 127.5 - 1
            with torch.autocast(device, torch.bfloat16, enabled=cuda):
                loss = functional.cross_entropy(forward(x), labels[chosen])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        loss.item()
        if cuda:
            torch.cuda.synchronize()
        yield time.perf_counter() - began
