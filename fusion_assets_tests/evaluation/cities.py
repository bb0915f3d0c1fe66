"""Cities in which a classifier errs each in its own way, as simulated predictions."""

import numpy as np

CLASSES = 17


def cities(seed=0, count=10, size=300, look=0.5, sure=2.0):
    """Label, probability and city of samples.

    Args:
        seed: of everything.
        count: cities.
        size: samples of a city, from 0.4 to 1.6 times of it.
        look: how far a city's classes differ from those of other cities.
        sure: what logits are multiplied with; 1 is nearly calibrated without looks.
    """
    rng = np.random.default_rng(seed)
    labels, logits, names = [], [], []
    for name in range(count):
        label = rng.choice(CLASSES, int(size * rng.uniform(0.4, 1.6)), p=rng.dirichlet(np.full(CLASSES, 0.7)))
        own = rng.normal(0, look, (CLASSES, CLASSES))
        gain = np.exp(rng.normal(0, 0.3 * look))
        labels.append(label)
        logits.append(3.5 * gain * np.eye(CLASSES)[label] + own[label] + rng.normal(0, 1.5, (len(label), CLASSES)))
        names.append(np.full(len(label), f"city {name}"))
    scaled = np.exp(sure * np.concatenate(logits))
    return np.concatenate(labels), scaled / scaled.sum(axis=1, keepdims=True), np.concatenate(names)
