"""NoNoise: without the noise of each pixel. Drawings have no grain, and what a source learned for hair dots their lines."""

from training.transfer.base import TransferMethod


class NoNoise(TransferMethod):
    """The strengths of the noise are 0 and stay so, in all layers, also in those that FreezeG keeps."""

    @classmethod
    def add_arguments(cls, group):
        help = "generator: without the noise of each pixel, which dots the lines of flat drawings"
        group.add_argument("--no_noise", action="store_true", help=help)

    @classmethod
    def from_args(cls, args):
        return cls() if args.no_noise else None

    def frozen_parameters(self, generator, discriminator):
        import torch

        from model import NoiseInjection
        from stylegan1 import ChannelNoise

        layers = [module for module in generator.modules() if isinstance(module, (NoiseInjection, ChannelNoise))]
        strengths = [parameter for layer in layers for parameter in layer.parameters()]
        with torch.no_grad():
            for strength in strengths:
                strength.zero_()
        return strengths

    def describe(self, generator, discriminator):
        return "NoNoise: the strengths of the noise are 0"
