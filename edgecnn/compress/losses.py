"""Losses of a fine-tuning: of a softmax, or of sigmoids that are independent of one another."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

# Probability below which a logarithm is not taken.
SMALLEST = 1e-6


def entropy(labels: tf.Tensor, logits: tf.Tensor, smoothing: float, independent: bool) -> tf.Tensor:
    """Mean cross-entropy of smoothed targets [N, scores]."""
    share = 0.5 if independent else 1 / tf.cast(tf.shape(labels)[-1], tf.float32)
    return tf.reduce_mean(each(labels * (1 - smoothing) + smoothing * share, logits, independent))


def each(labels: tf.Tensor, logits: tf.Tensor, independent: bool) -> tf.Tensor:
    """Cross-entropy of each image [N]: of a softmax, or the mean over sigmoids."""
    if independent:
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits), -1)
    return tf.nn.softmax_cross_entropy_with_logits(labels, logits)


def divergence(taught: tf.Tensor, logits: tf.Tensor, independent: bool) -> tf.Tensor:
    """Mean Kullback-Leibler divergence of the softened answers from the teacher's."""
    if independent:
        taught, own = (tf.stack([tf.nn.sigmoid(one), tf.nn.sigmoid(-one)], -1) for one in (taught, logits))
    else:
        taught, own = tf.nn.softmax(taught), tf.nn.softmax(logits)
    return tf.reduce_mean(tf_keras.losses.kl_divergence(taught, own))


def right(labels: tf.Tensor, logits: tf.Tensor, one_by_one: bool) -> tf.Tensor:
    """1 where the best class is the right one [N]; the share of right labels where each of them is right or wrong on its own."""
    if one_by_one:
        return tf.reduce_mean(tf.cast(tf.equal(labels > 0.5, logits > 0), tf.float32), -1)
    return tf.cast(tf.equal(tf.argmax(labels, -1), tf.argmax(logits, -1)), tf.float32)


def logits_of(scores: tf.Tensor, scale: float | None, independent: bool) -> tf.Tensor:
    """Logits of scores that are probabilities times `scale`; the scores themselves where that is None."""
    if scale is None:
        return scores
    shares = tf.clip_by_value(scores / scale, SMALLEST, 1 - SMALLEST)
    return tf.math.log(shares) - tf.math.log1p(-shares) if independent else tf.math.log(shares)
