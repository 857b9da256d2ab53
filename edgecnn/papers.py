"""TABLE of papers: authors, year, title and address of what the catalog's rows and the notes of the architectures refer to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """One publication. `title` is short where the whole one is long; `url` is where it can be read."""

    authors: str
    year: int
    title: str
    url: str

    def at(self, place: str) -> str:
        """The paper with the table or figure meant, as one line."""
        return f"{self.authors}, {self.year}, {self.title}, {place}, {self.url}"


def _arxiv(authors: str, year: int, title: str, number: str) -> Paper:
    return Paper(authors, year, title, f"https://arxiv.org/abs/{number}")


# fmt: off
LENET = Paper("LeCun et al.", 1998, "Gradient-based learning applied to document recognition", "https://doi.org/10.1109/5.726791")
ALEXNET = Paper("Krizhevsky et al.", 2012, "AlexNet", "https://doi.org/10.1145/3065386")
GOOGLENET = _arxiv("Szegedy et al.", 2014, "Going deeper with convolutions", "1409.4842")
VGG = _arxiv("Simonyan and Zisserman", 2014, "Very deep convolutional networks", "1409.1556")
BATCH_NORM = _arxiv("Ioffe and Szegedy", 2015, "Batch normalization", "1502.03167")
INCEPTION_V3 = _arxiv("Szegedy et al.", 2015, "Rethinking the Inception architecture", "1512.00567")
RESNET = _arxiv("He et al.", 2015, "Deep residual learning", "1512.03385")
SQUEEZENET = _arxiv("Iandola et al.", 2016, "SqueezeNet", "1602.07360")
SQUEEZENET_CODE = Paper("Iandola et al.", 2016, "SqueezeNet v1.1, the authors' code", "https://github.com/forresti/SqueezeNet")
INCEPTION_V4 = _arxiv("Szegedy et al.", 2016, "Inception-v4, Inception-ResNet", "1602.07261")
VGG_TORCH = Paper("TorchVision contributors", 2016, "TorchVision, models/vgg.py", "https://github.com/pytorch/vision")
DARKNET = _arxiv("Redmon and Farhadi", 2016, "YOLO9000", "1612.08242")
DENSENET = _arxiv("Huang et al.", 2016, "DenseNet", "1608.06993")
XCEPTION = _arxiv("Chollet", 2016, "Xception", "1610.02357")
RESNEXT = _arxiv("Xie et al.", 2016, "ResNeXt", "1611.05431")
RESNEXT_CODE = Paper("Xie et al.", 2016, "ResNeXt, the authors' code", "https://github.com/facebookresearch/ResNeXt")
MOBILENET = _arxiv("Howard et al.", 2017, "MobileNets", "1704.04861")
SENET = _arxiv("Hu et al.", 2017, "Squeeze-and-excitation networks", "1709.01507")
# A notebook on modern image classification networks; the address is of a copy, architectures.ipynb there.
RIBLI = Paper("Ribli", 2017, "Modern image classification CNN architectures", "https://github.com/harshs21/harshs21machinelearning")
MOBILENET_V2 = _arxiv("Sandler et al.", 2018, "MobileNetV2", "1801.04381")
# The course whose printed networks are rows of their own where they differ from the papers.
HANDBOOK = Paper("Ferlitsch", 2019, "Keras idiomatic programmer", "https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer")
MOBILENET_V3 = _arxiv("Howard et al.", 2019, "MobileNetV3", "1905.02244")
# fmt: on
