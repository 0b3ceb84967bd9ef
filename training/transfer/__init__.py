"""Ways to turn the source generator into the target: one idea, one file, listed here. FreezeSG is FreezeG and FreezeStyle.

To add one, see docs/adding-a-transfer-method.md.
"""

from training.transfer.base import TransferMethod
from training.transfer.correlation_loss import CorrelationLoss
from training.transfer.freeze_d import FreezeD
from training.transfer.freeze_fc import FreezeFC
from training.transfer.freeze_g import FreezeG
from training.transfer.freeze_style import FreezeStyle
from training.transfer.nada import NADA
from training.transfer.no_noise import NoNoise
from training.transfer.structure_loss import StructureLoss

METHODS: tuple[type[TransferMethod], ...] = (
    *(FreezeD, FreezeG, FreezeFC, FreezeStyle, NoNoise),
    *(StructureLoss, CorrelationLoss, NADA),
)
