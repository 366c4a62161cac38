"""Calibration of the untrained ear: one threshold that means the same for each of its 521 classes.

YAMNet's raw presences have no common scale: the best threshold of a class may be 0.7 or 0.004. Only a few classes have
labelled recordings, but every class has recordings in which it does not sound. The raw logit from which on a class is
present is therefore a high quantile of its logits there.
"""

import numpy as np


def thresholds(sources, *, quantile, lowest):
    """The raw logits from which on the classes are present, (classes,).

    sources: for each source of recordings, {label: logits (bins, classes)} and {label: numbers of the classes that may
    sound in recordings with that label}, for which these recordings count for nothing. A class's threshold is the
    `quantile` of its logits where it does not sound, in the source where this is highest. It is at least the logit of
    the presence `lowest`, because still lower outputs of YAMNet mean nothing.
    """
    classes = next(iter(sources[0][0].values())).shape[1]
    found = np.full(classes, np.log(lowest / (1 - lowest)))
    for number in range(classes):
        for logits, related in sources:
            silent = (rows[:, number] for label, rows in logits.items() if number not in related[label])
            if len(joined := np.concatenate([[], *silent])):
                found[number] = max(found[number], np.quantile(joined, quantile))
    return found


def relatives(members, descendants):
    """The classes that may sound where one of `members` does: these, their descendants and their ancestors.

    descendants: {class: [its descendants]}, for classes that have any.
    """
    below = {kind for member in members for kind in descendants.get(member, ())}
    return {*members, *below, *(other for other, kinds in descendants.items() if set(members) & set(kinds))}
