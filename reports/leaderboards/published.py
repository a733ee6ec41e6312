"""Published figures for FER-2013, as plain data, each with what its score was chosen on."""

from dataclasses import dataclass
from typing import Final

COURSEWORK: Final = "CS985 coursework"
UNSAID: Final = "checkpoints on its own validation split; which split the score is of is not said"
PRIVATE_TEST: Final = 3589
"""Images of FER-2013's PrivateTest, and as many of its PublicTest."""


@dataclass(frozen=True)
class Published:
    """What a source says of one system.

    Attributes:
        name: of the system.
        reference: the source.
        selected_on: what chose epoch, members or hyperparameters, as far as the source or its code shows.
        model: the run here that it is compared with, by name; "" for the row that is best on validation.
        validation, test: accuracies, 0-1, under the source's own names of the splits.
        mse: mean squared error.
        parameters: all weights counted.
        images: how many the score is of; None where the source does not say.
        not_comparable: why no comparison makes sense; "" where one does.
    """

    name: str
    reference: str
    selected_on: str
    model: str = ""
    validation: float | None = None
    test: float | None = None
    mse: float | None = None
    parameters: int | None = None
    images: int | None = None
    not_comparable: str = ""


SYSTEMS: Final = (
    Published(
        "mlp",
        COURSEWORK,
        UNSAID,
        "mlp",
        mse=0.14392857,
        not_comparable="an MSE as of hard, nearly empty outputs (all zero: 0.1429, uniform: 0.1224)",
    ),
    Published("cnn4", COURSEWORK, UNSAID, "cnn4", test=0.5985, parameters=1_949_447),
    Published("cnn7", COURSEWORK, UNSAID, "cnn7", test=0.6050, parameters=1_394_183),
    Published("bayes", COURSEWORK, f"a Bayesian search; {UNSAID}", "bayes", test=0.635, parameters=2_901_831),
    Published("cnn7x10", COURSEWORK, UNSAID, "cnn7x10", test=0.5020),
    Published("inception", COURSEWORK, UNSAID, "inception", test=0.3033, parameters=22_329_127),
    Published("resnet", COURSEWORK, UNSAID, "resnet", test=0.3250, parameters=24_114_055),
    Published("vgg", COURSEWORK, UNSAID, "vgg", test=0.529, parameters=15_620_615),
    Published("resnet+bayes+vgg", COURSEWORK, UNSAID, "resnet+bayes+vgg", test=0.6395, parameters=42_636_501),
    Published(
        "resnet+bayes+vgg, 351,000 images",
        COURSEWORK,
        "its validation split (70-71 %); the score is Kaggle's, with 351,000 augmented images",
        "resnet+bayes+vgg",
        test=0.69413,
        parameters=42_636_501,
    ),
    Published(
        "cue_vgg",
        "Cue-Cetera release candidate",
        "the validation split that the score is of",
        "cue_vgg",
        validation=0.9250,
        parameters=17_927_366,
        not_comparable="6 classes of a set of its own",
    ),
    Published(
        "cue_vgg_beta",
        "Cue-Cetera beta",
        "its validation split",
        "cue_vgg_beta",
        validation=0.7221,
        test=0.7206,
        not_comparable="6 classes, not 7",
    ),
    Published(
        "mobilenet",
        "Cue-Cetera alpha",
        "its validation split",
        "mobilenet",
        validation=0.6689,
        test=0.6553,
        parameters=2_266_951,
    ),
    Published(
        "cue_cnn",
        "Cue-Cetera pre-alpha",
        "its validation split",
        "cue_cnn",
        validation=0.5014,
        test=0.4830,
        not_comparable="28 classes, not 7",
    ),
    Published(
        "dinh",
        "Dinh and Gray",
        "the best epoch; of which split is not said",
        "dinh",
        test=0.61356,
        parameters=982_663,
    ),
    Published(
        "jan",
        "Jan, a tutorial",
        "nothing: a 70/30 split, test untouched until the end",
        "jan",
        not_comparable="no figure: under 60 % on test, 90 % on training data",
    ),
    Published(
        "sepres",
        "the Hyperband experiments",
        "the validation split that the score is of, by a search",
        "sepres",
        validation=0.50,
    ),
)
"""The systems that the zoo reproduces."""

FIELD: Final = tuple(
    Published(name, reference, selected_on, model, test=test, images=PRIVATE_TEST)
    for name, reference, model, test, selected_on in (
        ("VGGNet", "usef-kh/fer", "vggnet", 0.7328, "PrivateTest, as validation; the score is of PublicTest"),
        ("VGG19", "WuJie1010", "", 0.7311, "PrivateTest; chosen on validation a user gets about 72.6 %"),
        ("ResNet18", "WuJie1010", "", 0.7297, "PrivateTest"),
        ("ResNet18", "LetheSec", "resnet18", 0.7370, "PrivateTest, with swapped splits"),
        ("Residual Masking Network", "one network", "", 0.7414, "not said; users get 65.6 to 73.6 %"),
        ("ResNet34", "Residual Masking Network's authors", "", 0.7242, "not said; a user gets 72.88 %"),
        ("Residual Masking Network", "ensemble of 7", "", 0.7682, "the test labels: all subsets were searched"),
        ("LHC-Net", "from an ImageNet ResNet34", "", 0.7442, "not said"),
        ("Pramerdorfer and Kampel", "ensemble of 8", "", 0.752, "not said; no extra data, no public recipe"),
        ("cs230-fer", "ensemble of 7", "", 0.758, "files named by test accuracy; extra data, VGGFace weights"),
        ("mini_XCEPTION", "oarriaga", "", 0.66, "not said; its weights give 58.4 % PublicTest, 58.2 % PrivateTest"),
        ("Tang 2013", "winner of the competition", "", 0.712, "not said"),
    )
)
"""Well-known systems on FER-2013. Most headline numbers break its protocol."""

PUBLISHED: Final = (*SYSTEMS, *FIELD)
