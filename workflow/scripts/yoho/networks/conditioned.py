"""A head that listens for words: it finds, in the feature maps of a frozen backbone, what texts describe."""

import math

import torch
from torch import nn

from yoho.networks.network import OnMaps


class Conditioned(nn.Module):
    """Map feature maps (batch, channels, bins, bands) and vectors of texts to outputs (batch, bins, queries, 3).

    vectors: of length 1, (queries, numbers). The outputs are [presence, start, end] in [0, 1]. Presence is the scaled
    dot product of a query's vector and a projection of the map. Start and end come from hidden channels that the query
    scales and shifts (FiLM, Perez et al. 2018).
    """

    def __init__(self, channels, numbers, hidden=64, dropout=0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Conv1d(channels, numbers, 1)
        self.level = nn.Parameter(torch.zeros(()))
        self.hidden = nn.Conv1d(channels, hidden, 3, padding=1)
        self.film = nn.Linear(numbers, 2 * hidden)
        self.times = nn.Linear(hidden, 2)
        with torch.no_grad():  # At first a sound fills its bins, from 0.1 to 0.9 or so.
            self.times.bias.copy_(torch.tensor([-2.0, 2.0]))

    def forward(self, maps, vectors):
        features = self.dropout(maps.float().mean(dim=3))  # (batch, channels, bins)
        vectors = vectors * math.sqrt(vectors.shape[1])  # Their numbers now have a mean square of 1.
        presence = torch.einsum("bnt,qn->btq", self.projection(features), vectors) + self.level
        scale, shift = self.film(vectors).chunk(2, dim=1)  # (queries, hidden)
        hidden = self.hidden(features).transpose(1, 2).unsqueeze(2)  # (batch, bins, 1, hidden)
        times = self.times(torch.relu(hidden * (1 + scale) + shift))  # (batch, bins, queries, 2)
        return torch.cat([presence.unsqueeze(3), times], dim=3).sigmoid()

    @torch.no_grad()
    def start_from(self, weights, bias, vectors, ridge=0.01):
        """Start the projection so that texts of known classes give the logits of a classifier on the same maps.

        weights, bias: of the classifier, (classes, channels) and (classes,); vectors: texts of its classes, (classes,
        numbers); ridge: penalty of the regression.
        """
        vectors = vectors * math.sqrt(vectors.shape[1])
        penalty = ridge * len(vectors) * torch.eye(vectors.shape[1])
        wanted = torch.cat([weights, bias[:, None]], dim=1)
        found = torch.linalg.solve(vectors.T @ vectors + penalty, vectors.T @ wanted)  # (numbers, channels + 1)
        self.projection.weight.copy_(found[:, :-1, None])
        self.projection.bias.copy_(found[:, -1])


class Asked(OnMaps):
    """A `Conditioned` as a network for classes, with outputs (batch, bins, 3 * classes).

    phrasings: vectors of the texts that describe each class, a list of (phrasings, numbers). Every batch in training
    draws one phrasing of each class. Otherwise the first one stands for the class.
    """

    def __init__(self, head, phrasings):
        nn.Module.__init__(self)
        self.head, self.phrasings = head, phrasings

    def forward(self, maps):
        chosen = [torch.randint(len(each), ()) if self.training else 0 for each in self.phrasings]
        return self.head(maps, torch.stack([each[n] for each, n in zip(self.phrasings, chosen)])).flatten(2)
