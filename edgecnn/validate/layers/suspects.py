"""What is wrong with a tensor, in words, from what was seen of it."""

from __future__ import annotations

import numpy as np

from edgecnn.validate.layers.tally import CUT, Tally

# Decibels above what 8 bits cost from which an operator is suspected; sound files stay below.
SUSPICIOUS = 9.0

# The same for files whose channels were scaled: the factor between the two is itself measured, and weights are rounded at other places.
SUSPICIOUS_EVEN = 15.0

# A range that is so many times as wide as what is used has lost more than a bit and a half, whatever that does; one a little wider is what other pictures
# needed, and is named only where it harms.
TOO_WIDE, WIDE = 3.0, 1.5

# Of the noise, the share that one cause must make to be named as the cause.
MOST = 0.5


def reason(tally: Tally, least: float = SUSPICIOUS) -> str:
    """Why a tensor's operator is suspected, from `least` decibels above what 8 bits cost; "" when it is not."""
    rounding = tally.own is not None and tally.rounding >= MOST * tally.own
    harmful = tally.excess is not None and tally.excess >= least
    if rounding and tally.reach >= (WIDE if harmful else TOO_WIDE):
        return f"range {tally.reach:.1f} times as wide as what is used"
    if not harmful:
        return ""
    if tally.missing > CUT and rounding:
        low, high = tally.stored.ends
        return (
            f"saturated: {_percent(tally.outside / tally.count)} of the values lie beyond {low:.3g} to {high:.3g}; used is {tally.low:.3g} to {tally.high:.3g}"
        )
    return "; ".join(part for part in (_weights(tally), _dead(tally)) if part) or "loses more than 8 bits should"


def _weights(tally: Tally) -> str:
    """Of noise that does not come from rounding the result: what its weights or its bias do."""
    channel, share = int(tally.by_channel.argmax()), float(tally.by_channel.max()) / tally.own
    if share >= MOST and len(tally.by_channel) > 2:
        return f"channel {channel} of {len(tally.by_channel)} makes {_percent(share)} of the noise: its weight scale or its bias"
    # What is left of the noise once the values are scaled back, and once their mean is moved back.
    scaled = max(tally.own - (tally.gain - 1) ** 2 * tally.signal, 0.0)
    if abs(np.log2(max(tally.gain, 1e-9))) > 0.2 and scaled < MOST * tally.own:
        return f"values come out {tally.gain:.3g} times as large: scale of the weights, or weights changed"
    if tally.shift**2 * tally.count >= MOST * tally.own:
        return f"values come out {tally.shift:+.3g} off: its bias"
    if tally.rounding < MOST * tally.own:
        return "its weights or its bias are not those of the original"
    return ""


def _dead(tally: Tally) -> str:
    dead, channels = tally.dead
    return f"{dead} of {channels} channels never vary" if dead else ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
