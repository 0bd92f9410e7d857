"""The part-aware tokenizer: body and hands by codebooks of their own (MotionGPT-2, section IV-A).

Each part has an encoder. The hands are quantised first; their code vector joins the latent of the body before
that is quantised in turn, so that the body's code knows what the hands do. One decoder reads both code
vectors and makes all features. The paper joins them "via the concatenation operator"; the linear layer that
brings the joined latent back to the width of a code is ours.
Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C code width of a part, N latents
of a batch.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lamp_core.config.tokenizers import ConvolutionalSizes
from lamp_core.errors import LampError
from lamp_core.features.parts import hand_columns
from lamp_core.tokenizers.codebook import Codebook, quantise
from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer, Penalty
from lamp_core.tokenizers.convolutions import FRAMES_A_LATENT, Encoder, Layers
from lamp_core.tokenizers.protocol import Channel
from lamp_core.tokenizers.quantised import Quantised
from lamp_core.tokenizers.vqvae import new_codebook
from lamp_core.training.precision import full_precision


class PartEncoder(nn.Module):
    """Features to the latents of both parts, that of the body joined with the hands' code vector.

    The hands' codebook stands here, since the body is read with it.

    Args:
        feature_count: D.
        settings: sizes, the same for both parts.

    Raises:
        LampError: features without hands.
    """

    body_columns: Tensor
    hand_columns: Tensor

    def __init__(self, feature_count: int, settings: ConvolutionalSizes) -> None:
        super().__init__()
        hands = hand_columns(feature_count)
        if not hands:
            raise LampError(
                f"tokenizer.kind part-aware: features of {feature_count} numbers have no hands; take a data "
                "set of the skeleton smplx52 (--data procedural-hands), or another kind"
            )
        body = sorted(set(range(feature_count)) - set(hands))
        self.register_buffer("body_columns", torch.tensor(body), persistent=False)
        self.register_buffer("hand_columns", torch.tensor(hands), persistent=False)
        width = settings.code_dim
        self.body = Encoder(Layers(len(body), settings, width))
        self.hands = Encoder(Layers(len(hands), settings, width))
        self.hand_codebook = new_codebook(settings)
        self.join = nn.Linear(2 * width, width)

    def forward(self, features_BTD: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Return the latents of body and hands side by side, (B, S, 2 C), zero outside the mask.

        The gradient passes straight through the hands' code vector to their latent.
        """
        hands_BSC = self.hands(features_BTD[..., self.hand_columns], mask_BT)
        body_BSC = self.body(features_BTD[..., self.body_columns], mask_BT)
        with full_precision(hands_BSC.device):
            codes_BS = self.hand_codebook.nearest(hands_BSC.detach().float().flatten(0, 1))
        chosen_BSC = self.hand_codebook.lookup(codes_BS).view(hands_BSC.shape)
        vectors_BSC = hands_BSC + (chosen_BSC - hands_BSC).detach()
        joined_BSC = self.join(torch.cat([body_BSC, vectors_BSC], dim=-1))
        if mask_BT is not None:
            joined_BSC = joined_BSC * mask_BT[:, ::FRAMES_A_LATENT, None]
        return torch.cat([joined_BSC, hands_BSC], dim=-1)


class PartAwareVQVAE(ConvolutionalTokenizer):
    """Two channels, ``body`` and ``hands``; neither is decoded alone.

    Args:
        feature_count: D of a skeleton with hands, 623.
        settings: sizes, the same for both parts.

    Raises:
        LampError: features without hands.
    """

    encoder: PartEncoder

    def __init__(self, feature_count: int, settings: ConvolutionalSizes) -> None:
        super().__init__(feature_count, settings, 2 * settings.code_dim)
        self.body_codebook = new_codebook(settings)

    def new_encoder(self, layers: Layers) -> nn.Module:
        """An encoder a part."""
        return PartEncoder(layers.feature_count, layers.sizes)

    @property
    def codebooks(self) -> tuple[Codebook, Codebook]:
        """Of the body and of the hands, in the order of the paper's answers."""
        return self.body_codebook, self.encoder.hand_codebook

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Body and hands, of kind ``body part``."""
        return tuple(Channel(part, "body part", self.settings.codebook_size) for part in ("body", "hands"))

    def start_at_random(self) -> None:
        """Draw the codes, which the first training batch would initialise."""
        for codebook in self.codebooks:
            codebook.codes_KC.normal_()

    def quantise(self, latents_NC: Tensor, train: bool) -> Quantised:
        """Choose a code of each part by its codebook; in training they follow. The commitments add up."""
        parts = zip(self.codebooks, latents_NC.chunk(2, dim=-1), strict=True)
        body, hands = (quantise([codebook], of_part_NC, 1, train) for codebook, of_part_NC in parts)
        return Quantised(
            torch.cat([body.codes_NR, hands.codes_NR], dim=-1),
            torch.cat([body.vectors_NC, hands.vectors_NC], dim=-1),
            body.commitment + hands.commitment,
            torch.cat([body.perplexity_R, hands.perplexity_R]),
            torch.cat([body.utilisation_R, hands.utilisation_R]),
        )

    def vectors(self, codes_BSR: Tensor) -> Tensor:
        """Return the code vectors of both parts side by side."""
        parts = zip(self.codebooks, codes_BSR.unbind(dim=-1), strict=True)
        return torch.cat([codebook.lookup(codes_BS) for codebook, codes_BS in parts], dim=-1)

    def penalties(self, quantised: Quantised) -> Mapping[str, Penalty]:
        """Return the commitment of both parts."""
        return {"commitment": Penalty(quantised.commitment, self.settings.commitment_weight)}
