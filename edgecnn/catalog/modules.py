"""TABLE of modules: parts of networks as papers and courses print them, and networks that take no pictures."""

from __future__ import annotations

from edgecnn import papers
from edgecnn.catalog.row import Module

# fmt: off
ROWS = (
    # --- dense nets ---
    Module("mlp_regressor", "mlp", "regressor", papers.HANDBOOK.at("handbook 1, part 1"), (13,), 261, 261, 240,
           {"units": "10,10", "dropout": 0.0, "dropout_at": "before", "norm": ""}),
    Module("mlp_classifier", "mlp", "classifier", papers.HANDBOOK.at("handbook 1, part 1"), (4,), 215, 215, 190,
           {"outputs": 5, "units": "10,10", "dropout": 0.0, "dropout_at": "before", "norm": ""}),
    # --- Inception modules ---
    Module("inception_naive_module", "inception_modules", "module", papers.HANDBOOK.at("handbook 1, part 3"), (28, 28, 256), 544_976, 544_976, 427_098_112,
           {"form": "naive", "act": ""}),
    Module("inception_v1_module", "inception_modules", "module", papers.HANDBOOK.at("handbook 1, part 3"), (28, 28, 256), 198_032, 198_032, 154_943_488,
           {"form": "v1", "act": ""}),
    Module("inception_v2_module", "inception_modules", "module", papers.HANDBOOK.at("handbook 1, part 3"), (28, 28, 256), 169_664, 169_664, 132_665_344,
           {"form": "v2", "act": ""}),
    Module("inception_notebook_module", "inception_modules", "module", papers.HANDBOOK.at("notebook on Inception"), (14, 14, 512), 510_104, 510_104, 99_850_240,
           {"form": "notebook", "act": "relu"}),
    Module("inception_v3_stem_printed", "inception_modules", "stem", papers.HANDBOOK.at("handbook 1, part 3"), (229, 229, 3), 614_896, 614_896, 1_231_365_728,
           {"form": "v3", "act": ""}),
    Module("inception_v4_stem_printed", "inception_modules", "stem", papers.HANDBOOK.at("handbook 1, part 3"), (229, 229, 3), 426_400, 426_400, 1_016_069_728,
           {"form": "v4", "act": ""}),
    Module("inception_v4_stem", "inception_v4", "stem", papers.INCEPTION_V4.at("Figure 3"), (299, 299, 3), 606_592, 604_864, 2_289_943_648,
           {"width": 1.0, "norm": "before"}),
    Module("bottleneck_none", "inception_modules", "bottleneck", papers.HANDBOOK.at("notebook on Inception"), (14, 14, 512), 2_359_808, 2_359_808, 462_422_016,
           {"reduce": 0, "filters": 512, "expand": 0, "act": ""}),
    Module("bottleneck_before", "inception_modules", "bottleneck", papers.HANDBOOK.at("notebook on Inception"), (14, 14, 512), 656_000, 656_000, 128_450_560,
           {"reduce": 128, "filters": 512, "expand": 0, "act": ""}),
    Module("bottleneck_around", "inception_modules", "bottleneck", papers.HANDBOOK.at("notebook on Inception"), (14, 14, 512), 279_296, 279_296, 54_591_488,
           {"reduce": 128, "filters": 128, "expand": 512, "act": ""}),
    Module("bottleneck_none_256", "inception_modules", "bottleneck", papers.HANDBOOK.at("notebook on Inception"), (14, 14, 256), 590_080, 590_080, 115_605_504,
           {"reduce": 0, "filters": 256, "expand": 0, "act": ""}),
    # --- ResNeXt blocks ---
    Module("resnext_block_a", "resnext_forms", "block", papers.RESNEXT.at("Figure 3(a)"), (14, 14, 256), 72_192, 71_168, 13_748_224,
           {"form": "a", "groups": 32, "group_width": 4}),
    Module("resnext_block_b", "resnext_forms", "block", papers.RESNEXT.at("Figure 3(b)"), (14, 14, 256), 72_192, 71_168, 13_748_224,
           {"form": "b", "groups": 32, "group_width": 4}),
    Module("resnext_block_c", "resnext_forms", "block", papers.RESNEXT.at("Figure 3(c)"), (14, 14, 256), 72_192, 71_168, 13_748_224,
           {"form": "c", "groups": 32, "group_width": 4}),
)
# fmt: on
