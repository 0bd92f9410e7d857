"""A folder as the evaluator of Guo et al. is published: the same names and kinds of files, small networks."""

import pickle
from collections import OrderedDict

import numpy as np
import torch
from torch import nn

MOVEMENT, HIDDEN, TEXT, WORD, TAGS, EMBEDDING = 6, 8, 7, 5, 15, 4
WORDS = ["walk", "unk", "the", "sos", "man", "eos", "slowly"]


class Encoder(nn.Module):
    """A recurrent encoder with the names of the published one; the text's has parts of speech too."""

    def __init__(self, inputs, hidden, tags=None):
        super().__init__()
        if tags:
            self.pos_emb = nn.Linear(tags, inputs)
        self.input_emb = nn.Linear(inputs, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(
            nn.Linear(2 * hidden, hidden),
            nn.LayerNorm(hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, EMBEDDING),
        )
        self.hidden = nn.Parameter(torch.randn(2, 1, hidden))

    def forward(self, steps_LI):
        last = self.gru(self.input_emb(steps_LI)[None], self.hidden)[1]
        return self.output_net(torch.cat([last[0], last[1]], dim=-1))[0]


class Movement(nn.Module):
    """Two convolutions with the names of the published ones."""

    def __init__(self, feature_count):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv1d(feature_count - 4, MOVEMENT, 4, 2, 1), nn.Dropout(0.2), nn.LeakyReLU(0.2),
            nn.Conv1d(MOVEMENT, MOVEMENT, 4, 2, 1), nn.Dropout(0.2), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.out_net = nn.Linear(MOVEMENT, MOVEMENT)

    def forward(self, features_TD):
        return self.out_net(self.main(features_TD.T[None])[0].T)


def make_networks(feature_count):
    """Random weights, in evaluation mode."""
    torch.manual_seed(0)
    made = {
        "movement_encoder": Movement(feature_count),
        "motion_encoder": Encoder(MOVEMENT, HIDDEN),
        "text_encoder": Encoder(WORD, TEXT, TAGS),
    }
    return {name: network.eval() for name, network in made.items()}


def make_vectors():
    """Word vectors."""
    return np.random.default_rng(1).normal(size=(len(WORDS), WORD))


def write(folder, networks, vectors, statistics=None, *, legacy=False):
    """Write the folder; return the vector of each word."""
    checkpoint = folder / "t2m" / "text_mot_match" / "model" / "finest.tar"
    checkpoint.parent.mkdir(parents=True)
    optimiser = torch.optim.Adam(networks["text_encoder"].parameters())
    content = {name: OrderedDict(network.state_dict()) for name, network in networks.items()}
    content |= {"opt_text_encoder": optimiser.state_dict(), "epoch": 7, "iter": 100}
    torch.save(content, checkpoint, _use_new_zipfile_serialization=not legacy)
    if statistics is not None:
        meta = folder / "t2m" / "Comp_v6_KLD01" / "meta"
        meta.mkdir(parents=True)
        statistics.save(meta)
    glove = folder / "glove"
    glove.mkdir()
    order = list(reversed(WORDS))
    np.save(glove / "our_vab_data.npy", vectors)
    (glove / "our_vab_words.pkl").write_bytes(pickle.dumps(WORDS))
    (glove / "our_vab_idx.pkl").write_bytes(pickle.dumps({word: place for place, word in enumerate(order)}))
    return {word: vectors[place] for place, word in enumerate(order)}
