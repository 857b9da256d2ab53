"""Counts that papers, their authors' code and courses state, for each row of the catalog and of its modules; written down from there, not counted here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What is stated of one network.

    Attributes:
        trainable: trainable parameters, or None where only all of them are stated.
        parameters: all of them, batch-norm statistics included, or None.
        within: how far the real number may be from the stated one, as a share; 0 where it is stated exactly.
        source: where it is stated.
    """

    trainable: int | None = None
    parameters: int | None = None
    within: float = 0.0
    source: str = ""


# fmt: off
PUBLISHED: dict[str, Published] = {
    # --- lenet, mlp, convnet ---
    "lenet": Published(61_706, source="the usual LeNet-5 with every map of S2 in every map of C3"),
    "lenet_notebook": Published(54_220, source="the notebook's layers, 104 + 606 + 48,500 + 5,010"),
    "mlp": Published(669_706, source="Handbook 1, part 1: 784-512-512-10"),
    "mlp_regressor": Published(261, source="Handbook 1, part 1: 13-10-10-1"),
    "mlp_classifier": Published(215, source="Handbook 1, part 1: 4-10-10-5"),
    "convnet": Published(8_402_618, source="Handbook 1, part 2: summary of the network that it prints"),
    # --- alexnet ---
    "alexnet": Published(60_965_224, source="Caffe's bvlc_alexnet, weights and biases"),
    # --- vgg ---
    "vgg16": Published(138_357_544, source="keras.applications.VGG16; torchvision vgg16"),
    "vgg19": Published(143_667_240, source="keras.applications.VGG19; torchvision vgg19"),
    "vgg16_bn": Published(138_365_992, source="torchvision vgg16_bn"),
    "darknet19": Published(20_800_000, within=0.01, source="Redmon and Farhadi, Table 6: its layers have about 20.8 M"),
    # --- inception ---
    "googlenet": Published(6_998_552, source="the authors' layers in Caffe's bvlc_googlenet, as its ports count them without auxiliary classifiers"),
    # The ports have biases that batch norm makes idle; with bias=True ours has 11,295,240 exactly.
    "inception_v2": Published(11_295_240, within=0.01, source="BN-Inception in osmr/imgclsmob, from Caffe"),
    "inception_v3": Published(23_817_352, 23_851_784, source="keras.applications.InceptionV3"),
    # timm's batch norms have a gamma, 31,584 in all, the authors' none.
    "inception_v4": Published(42_679_816 - 31_584, source="timm inception_v4, less its gammas"),
    # 22,808,144 in all and 22,779,312 trainable are said of FaceNet's, which has 128 features (229,760 and 229,504) for 1000 classes (1,793,000)
    # and a sixth block8 (1,601,536 and 1,600,000), where Figure 15 has five.
    "inception_resnet_v1": Published(
        22_779_312 - 229_504 + 1_793_000 - 1_600_000, 22_808_144 - 229_760 + 1_793_000 - 1_601_536, source="FaceNet's Inception-ResNet v1 in Keras"
    ),
    "inception_resnet_v2": Published(parameters=55_873_736, source="keras.applications.InceptionResNetV2"),
    "inception_naive_module": Published(544_976, source="Handbook 1, part 3"),
    "inception_v1_module": Published(198_032, source="Handbook 1, part 3"),
    "inception_v2_module": Published(169_664, source="Handbook 1, part 3"),
    "inception_notebook_module": Published(510_104, source="the notebook's summary"),
    "inception_v3_stem_printed": Published(614_896, source="Handbook 1, part 3"),
    "inception_v4_stem_printed": Published(426_400, source="Handbook 1, part 3"),
    "inception_v4_stem": Published(604_000 + 864, source="Figure 3 by hand: 604,000 weights of eleven convolutions with 864 channels"),
    "bottleneck_none": Published(2_359_808, source="the notebook's summary"),
    "bottleneck_before": Published(656_000, source="the notebook's summary"),
    "bottleneck_around": Published(279_296, source="the notebook's summary"),
    "bottleneck_none_256": Published(590_080, source="the notebook's summary"),
    # --- resnet ---
    "resnet18": Published(11_689_512, source="torchvision resnet18"),
    "resnet34": Published(21_797_672, source="torchvision resnet34"),
    "resnet50": Published(25_557_032, source="torchvision resnet50"),
    "resnet101": Published(44_549_160, source="torchvision resnet101"),
    "resnet152": Published(60_192_808, source="torchvision resnet152"),
    "resnet50_keras": Published(25_583_592, 25_636_712, source="keras.applications.ResNet50"),
    "resnet101_keras": Published(44_601_832, 44_707_176, source="keras.applications.ResNet101"),
    "resnet152_keras": Published(60_268_520, 60_419_944, source="keras.applications.ResNet152"),
    "resnet20": Published(270_000, within=0.01, source="He et al. 2015, Table 6: 0.27 M"),
    "resnet56": Published(850_000, within=0.01, source="He et al. 2015, Table 6: 0.85 M"),
    "resnet110": Published(1_700_000, within=0.02, source="He et al. 2015, Table 6: 1.7 M, of which two digits are printed"),
    "plain20": Published(270_000, within=0.01, source="He et al. 2015, section 4.2: as many as resnet20"),
    "plain56": Published(850_000, within=0.01, source="He et al. 2015, section 4.2: as many as resnet56"),
    # --- squeezenet ---
    "squeezenet": Published(1_248_424, source="torchvision squeezenet1_0"),
    "squeezenet1_1": Published(1_235_496, source="torchvision squeezenet1_1, and the authors' caffemodel"),
    # Table 3 gives 4.8 MB of float32 to both plain and simple bypass. To the complex one it gives 7.7 MB, some 350,000 weights more than the
    # 1x1 convolutions that section 6 describes (96 to 128 channels, 128 to 256, 256 to 384, 384 to 512) hold; these are counted here.
    "squeezenet_bypass": Published(4_800_000 // 4, within=0.05, source="the paper's Table 3"),
    "squeezenet_complex_bypass": Published(
        1_248_424 + 97 * 128 + 129 * 256 + 257 * 384 + 385 * 512, source="the paper's section 6, and the handbook's zoo, squeezenet_complex.py"
    ),
    # --- densenet ---
    "densenet121": Published(7_978_856, 8_062_504, source="torchvision densenet121; keras.applications.DenseNet121"),
    "densenet169": Published(14_149_480, 14_307_880, source="torchvision densenet169; keras.applications.DenseNet169"),
    "densenet201": Published(20_013_928, 20_242_984, source="torchvision densenet201; keras.applications.DenseNet201"),
    "densenet121_handbook": Published(7_925_928, 7_946_408, source="Handbook 1, part 4: summary of the network that it prints"),
    "densenet_bc_100_12": Published(770_000, within=0.01, source="Huang et al., Table 2: 0.8 M, of which ports count 0.77 M"),
    # --- xception ---
    "xception": Published(parameters=22_910_480, source="keras.applications.Xception"),
    "xception_handbook": Published(22_944_896, 22_999_464, source="the handbook, part 4"),
    # --- resnext ---
    "resnext50_32x4d": Published(25_028_904, source="torchvision resnext50_32x4d"),
    "resnext101_32x8d": Published(88_791_336, source="torchvision resnext101_32x8d"),
    "resnext50_form_d": Published(16_701_800, 16_777_960, source="Handbook 1, part 4: summary of the network that it prints"),
    "resnext29_8x64d": Published(34_400_000, within=0.01, source="Xie et al. 2016, Table 7: 34.4 M"),
    "resnext29_16x64d_notebook": Published(68_100_000, within=0.01, source="Xie et al. 2016, Table 7: 68.1 M for 16x64d; the notebook adds biases"),
    "cifar_builder": Published(217_000, within=0.01, source="the notebook's builder with cardinality 8: about 217 k"),
    "resnext_block_a": Published(71_168, source="Xie et al. 2016, equation 4: 32 (256 4 + 9 4 4 + 4 256) = 70,144 weights; 1,024 of the batch norms"),
    "resnext_block_b": Published(71_168, source="Xie et al. 2016: the same complexity as form (a)"),
    "resnext_block_c": Published(71_168, source="Xie et al. 2016: the same complexity as form (a)"),
    # --- senet ---
    "se_resnet50": Published(28_088_024, source="Cadene's pretrained-models, se_resnet50, a port of the authors' release"),
    "se_resnext50_32x4d": Published(27_559_896, source="Cadene's pretrained-models, se_resnext50_32x4d"),
    "senet154": Published(115_088_984, source="Cadene's pretrained-models, senet154"),
    # --- mobilenet ---
    "mobilenet": Published(4_231_976, 4_253_864, source="keras.applications.MobileNet"),
    "mobilenet_handbook": Published(4_242_920, 4_264_808, source="the handbook's zoo, mobilenet224.py"),
    "mobilenet_v2": Published(3_504_872, 3_538_984, source="torchvision mobilenet_v2 and keras.applications.MobileNetV2"),
    "mobilenet_v3_large": Published(5_483_032, source="torchvision mobilenet_v3_large"),
    "mobilenet_v3_small": Published(2_542_856, source="torchvision mobilenet_v3_small"),
    "mobilenet_v3_large_minimalistic": Published(3_924_288, 3_948_688, source="keras.applications.MobileNetV3Large(minimalistic=True)"),
    "mobilenet_v3_small_minimalistic": Published(2_044_736, 2_056_848, source="keras.applications.MobileNetV3Small(minimalistic=True)"),
}
# fmt: on
