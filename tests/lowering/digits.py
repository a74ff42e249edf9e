"""Handwritten digits for the models of this folder: scikit-learn's, divided into what trained them and what did not."""

from __future__ import annotations

import numpy as np

HELD = 540
SEED = 7
Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def split() -> Split:
    """(images, labels) for training and held out; images float32 [N, 8, 8] in 0 to 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=HELD, random_state=SEED, stratify=digits.target
    )
    return (train_x, train_y), (test_x, test_y)


def large(images: np.ndarray) -> np.ndarray:
    """[N, 8, 8] as [N, 1, 32, 32], bilinear between the pixels' middles."""
    at = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)
    low = np.minimum(at.astype(int), 6)
    weight = np.zeros((32, 8), np.float32)
    weight[np.arange(32), low] = 1 - (at - low)
    weight[np.arange(32), low + 1] += at - low
    return np.einsum("yi,nij,xj->nyx", weight, images, weight)[:, None].astype(np.float32)
