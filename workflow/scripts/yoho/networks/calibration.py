"""Calibration of the untrained ear: one threshold that means the same for each of its 521 classes.

The raw presences of YAMNet have no common scale: the best threshold of a class may be 0.7 or 0.004. Only few classes
have labelled recordings, but every class has recordings in which it does not sound. So the raw logit at which a class
is present is a quantile of its logits there: it is exceeded in a small share of the bins in which it does not sound.
"""

import numpy as np


def thresholds(negatives, related, background, *, quantile, background_quantile, lowest):
    """The raw logit from which on each class is present, (classes,).

    negatives: {event_label: logits (bins, classes) of recordings of that class}; related: {event_label: numbers of the
    classes that may sound in these recordings}, which are left out for these classes; background: logits (bins,
    classes) of recordings in which nothing sounds. A class's threshold is exceeded in at most the share 1 - quantile
    of its negatives, 1 - background_quantile of the background, and is at least the presence `lowest`, below which
    YAMNet's outputs mean nothing. Raises ValueError for a class that may sound in all recordings.
    """
    found = np.quantile(background, background_quantile, axis=0)
    found = np.maximum(found, np.log(lowest / (1 - lowest)))
    for number in range(background.shape[1]):
        others = [logits[:, number] for label, logits in negatives.items() if number not in related[label]]
        if not others:
            raise ValueError(f"class {number} may sound in every recording")
        found[number] = max(found[number], np.quantile(np.concatenate(others), quantile))
    return found


def relatives(members, parents):
    """Numbers of the classes that may sound wherever one of `members` does: they, their descendants and ancestors.

    parents: {number: [numbers of its descendants]}.
    """
    found = set(members)
    for number in members:
        found |= set(parents.get(number, ()))
        found |= {other for other, below in parents.items() if number in below}
    return found
