"""Learning without pictures: what stands where the data set does, and which flags have nothing to act on then."""

from pathlib import Path

from dataset import Images

# What a short training by words begins with where it is left open: no adversary, so no second z, and an average that follows.
USUAL = {"batch": 4, "mixing": 0.0, "path_regularize": 0.0, "ema_decay": 0.98, "iter": 300, "sample_every": 25}
OF_PICTURES = {
    *("no_flip", "freezeD", "augment", "augment_kind", "augment_p", "ada_target", "ada_length", "r1", "d_reg_every"),
    *("eval_every", "eval", "eval_features", "eval_n"),
}
KEPT = {"train_mapping", "freezeFC"}  # the mapping network stays as it is in any case


class NoPictures(Images):
    """None of `size` px."""

    def __init__(self, size: int):
        super().__init__(Path(), size, 0)

    def summary(self) -> str:
        return "No pictures: the discriminator rests, and words alone are learnt"
