"""What a drawn face is made of: what it does, who it is, how it is seen; and how these vary.

What each expression does with brows, lids, nose and mouth follows the prototypes of the Facial Action Coding System
(Ekman, Friesen and Hager, "Facial Action Coding System: The Manual", 2002; summarised with the action units of each
emotion in Du, Tao and Martinez, "Compound facial expressions of emotion", PNAS 111(15), 2014, table 1).

Face units: x to the right, y down, the origin between the bridge and the tip of the nose, one unit a pixel at scale 1.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Grid: TypeAlias = NDArray[np.floating[Any]]  # always float32
Range: TypeAlias = tuple[float, float]
Measures: TypeAlias = dict[str, float]


@dataclass(frozen=True, eq=False)
class Expression:
    """What the face does; float32 arrays of shape (n, 1, 1), in face units unless said otherwise."""

    brow_raise: Grid  # height of the brows above rest
    brow_inner: Grid  # height of their inner ends above the outer ones; negative in a scowl
    brow_arch: Grid  # height of the middle of a brow above its ends
    brow_together: Grid  # how far the brows move towards each other
    lid_upper: Grid  # height of the upper lid above the line of the eye
    lid_lower: Grid  # depth of the lower lid below that line; negative in a smile
    eye_droop: Grid  # how far the outer corner of the eye hangs
    mouth_width: Grid  # half of it
    mouth_corner: Grid  # height of the corners above the middle
    mouth_upper: Grid  # opening above the line between the corners
    mouth_lower: Grid  # opening below that line
    mouth_square: Grid  # 0 almond, 1 square
    mouth_raise: Grid  # how far the whole mouth moves up
    lip: Grid  # thickness of the lips
    teeth: Grid  # height of the teeth that show
    sneer: Grid  # raise of the upper lip on one side; the sign says which
    fold: Grid  # strength (0-1) of the fold from nose to mouth
    cheek: Grid  # strength (0-1) of the cheek's bulge under the eye
    frown: Grid  # strength (0-1) of the upright lines between the brows
    wrinkle: Grid  # strength (0-1) of the lines across the nose, which also lifts and broadens it
    forehead: Grid  # strength (0-1) of the lines across the forehead
    jaw: Grid  # how far the chin drops


@dataclass(frozen=True, eq=False)
class Person:
    """Who it is; float32 arrays of shape (n, 1, 1), in face units unless said otherwise."""

    skin: Grid  # tone, 0-255
    hair: Grid  # tone of hair, beard and strand, 0-255
    iris: Grid  # tone, 0-255
    head_width: Grid  # half of it
    head_height: Grid  # half of it
    taper: Grid  # how much narrower the chin is than the temples, as a fraction
    hairline: Grid  # height of its highest point
    parting: Grid  # sideways place of that point
    long_hair: Grid  # how far down the hair behind the head reaches
    beard: Grid  # density (0-1); none where negative
    eye_x: Grid  # middle of an eye
    eye_y: Grid  # middle of an eye
    eye_width: Grid  # half of it
    brow_y: Grid  # height of the brows at rest
    brow_width: Grid  # half of it
    brow_thickness: Grid  # half of it
    brow_contrast: Grid  # 0-1
    nose_y: Grid  # the nose's lower edge
    nose_width: Grid  # half of it
    mouth_y: Grid  # the mouth at rest
    lip_contrast: Grid  # 0-1


@dataclass(frozen=True, eq=False)
class Scene:
    """How it is seen; float32 arrays of shape (n, 1, 1)."""

    shift_x: Grid  # place of the face, pixels from the middle
    shift_y: Grid  # the same, down
    half_turn: Grid  # tangent of half the in-plane angle, from which sine and cosine follow without a sine
    scale: Grid  # size of the face
    yaw: Grid  # how far the middle of the face moves sideways on the head, face units
    pitch: Grid  # the same, down
    gaze_x: Grid  # place of the iris in the eye
    gaze_y: Grid  # the same, down
    tilt: Grid  # difference between right and left, of brows, lids and mouth corners
    background: Grid  # tone, 0-255
    slope_x: Grid  # change of that tone from the middle to the side
    slope_y: Grid  # the same, down
    edge: Grid  # column of a step in the background
    step: Grid  # height of that step
    brightness: Grid  # added, 0-255
    contrast: Grid  # factor around middle grey
    light_x: Grid  # change of the light from the middle to the side, as a fraction
    light_y: Grid  # the same, down
    blur: Grid  # weight of the neighbours in two passes of a three-pixel filter
    noise: Grid  # standard deviation, 0-255
    glasses: Grid  # 0 or 1, whether they are in front of the face
    strand: Grid  # 0 or 1
    scarf: Grid  # 0 or 1
    hand: Grid  # 0 or 1
    cover_x: Grid  # place of what is in front
    cover_y: Grid  # the same, down
    cover_tone: Grid  # its tone, 0-255


# fmt: off
NEUTRAL: Final[Measures] = {
    "lid_upper": 2.3, "lid_lower": 1.5, "brow_arch": 0.8, "mouth_width": 6.8, "lip": 1.5, "mouth_square": 0.3,
}
# Spread between faces, to either side, that has nothing to do with the expression.
HABITS: Final[Measures] = {
    "brow_raise": 0.9, "brow_inner": 0.9, "brow_arch": 0.5, "lid_upper": 0.4, "lid_lower": 0.3, "eye_droop": 0.5,
    "mouth_width": 0.8, "mouth_corner": 0.7, "lip": 0.4, "fold": 0.2, "frown": 0.15, "forehead": 0.15,
}
# Changes from neutral at intensity 1: first what brows, eyes and cheeks do, then two mouths, equally likely.
ACTIONS: Final[dict[str, tuple[Measures, Measures, Measures]]] = {
    # Action units 4, 5 or 7, then 23-24 (lips pressed) or 22, 25 (square mouth).
    "angry": (
        {"brow_raise": -2.2, "brow_inner": -4.5, "brow_arch": -0.8, "brow_together": 1.6, "lid_upper": -0.8,
         "lid_lower": -0.3, "eye_droop": -0.8, "frown": 1, "fold": 0.2},
        {"mouth_width": -1.2, "mouth_corner": -1.2, "lip": -0.8},
        {"mouth_width": -0.4, "mouth_corner": -0.6, "mouth_upper": 2.2, "mouth_lower": 2.8, "mouth_square": 0.7,
         "teeth": 4, "jaw": 1},
    ),
    # 9 (nose wrinkled), 10 (upper lip raised, here more on one side), 15, 17, or with 25.
    "disgust": (
        {"brow_raise": -1.6, "brow_inner": -1.2, "brow_together": 0.6, "lid_upper": -1, "lid_lower": -0.9,
         "cheek": 0.3, "wrinkle": 1, "fold": 1},
        {"sneer": 3, "mouth_raise": 1.2, "mouth_corner": -1.6, "lip": 0.2},
        {"sneer": 2.4, "mouth_raise": 0.8, "mouth_corner": -2.4, "mouth_upper": 1, "mouth_lower": 0.8, "teeth": 1.2},
    ),
    # 1, 2, 4 (brows up and together), 5 (eyes wide), 20 (mouth stretched), 25-26.
    "fear": (
        {"brow_raise": 2.4, "brow_inner": 2.8, "brow_arch": -0.8, "brow_together": 1.3, "lid_upper": 1.6,
         "lid_lower": 0.4, "forehead": 0.7, "frown": 0.3},
        {"mouth_width": 1.6, "mouth_corner": -1, "mouth_upper": 0.8, "mouth_lower": 1.8, "mouth_square": 0.7,
         "teeth": 0.6, "jaw": 1},
        {"mouth_width": 2.2, "mouth_corner": -1.4, "mouth_upper": 1.4, "mouth_lower": 1.2, "mouth_square": 0.9,
         "teeth": 4, "jaw": 0.5},
    ),
    # 6 (cheeks up, eyes squeezed), 12 (corners up), with or without 25.
    "happy": (
        {"lid_upper": -0.4, "lid_lower": -1.7, "cheek": 1, "fold": 0.7},
        {"mouth_width": 1.4, "mouth_corner": 3.8, "mouth_raise": 0.3, "lip": -0.2},
        {"mouth_width": 1.7, "mouth_corner": 3.6, "mouth_upper": 0.2, "mouth_lower": 4.4, "teeth": 3, "lip": -0.4,
         "jaw": 0.6},
    ),
    # 1, 4 (inner brows up), 15 (corners down), lids drooping, 17 (chin up).
    "sad": (
        {"brow_inner": 4.2, "brow_arch": -0.8, "brow_together": 0.9, "lid_upper": -1.4, "lid_lower": -0.2,
         "eye_droop": 1.5, "frown": 0.15},
        {"mouth_width": -0.9, "mouth_corner": -3.8, "mouth_raise": 0.6},
        {"mouth_width": -0.2, "mouth_corner": -3.4, "lip": 0.4},
    ),
    # 1, 2 (brows high), 5 (eyes very wide), 26-27 (jaw dropped, mouth round).
    "surprise": (
        {"brow_raise": 3.8, "brow_arch": 1.8, "lid_upper": 1.8, "lid_lower": 1, "forehead": 0.9},
        {"mouth_width": -2.3, "mouth_upper": 3.4, "mouth_lower": 5, "mouth_square": 0.6, "lip": -0.2, "jaw": 3},
        {"mouth_width": -2.9, "mouth_upper": 2.2, "mouth_lower": 3.4, "mouth_square": 0.6, "jaw": 2},
    ),
    "neutral": ({}, {}, {}),
}
PERSONS: Final[dict[str, Range]] = {
    "skin": (145, 215), "hair": (20, 80), "iris": (15, 70), "head_width": (15.5, 19), "head_height": (20, 23),
    "taper": (0.05, 0.35), "hairline": (-18.5, -13.5), "parting": (-9, 9), "long_hair": (-6, 24), "beard": (-0.8, 0.5),
    "eye_x": (7.6, 9), "eye_y": (-4.4, -3), "eye_width": (4.6, 5.6), "brow_y": (-10.4, -9.2),
    "brow_width": (5.2, 6.4), "brow_thickness": (1, 1.8), "brow_contrast": (0.85, 1), "nose_y": (4, 5.6),
    "nose_width": (2.4, 3.8), "mouth_y": (11.3, 13), "lip_contrast": (0.5, 0.9),
}
SCENES: Final[dict[str, Range]] = {
    "shift_x": (-3, 3), "shift_y": (-4, 2), "half_turn": (-0.12, 0.12), "scale": (1, 1.24), "yaw": (-2.8, 2.8),
    "pitch": (-1, 1), "gaze_x": (-1.2, 1.2), "gaze_y": (-0.6, 0.6), "tilt": (-0.4, 0.4), "background": (60, 190),
    "slope_x": (-20, 20), "slope_y": (-20, 20), "edge": (-24, 24), "step": (-30, 30), "brightness": (-15, 15),
    "contrast": (0.8, 1.15), "light_x": (-0.2, 0.2), "light_y": (-0.12, 0.12), "blur": (0, 0.25), "noise": (1, 6),
    "glasses": (0, 1), "strand": (0, 1), "scarf": (0, 1), "hand": (0, 1), "cover_x": (-9, 9), "cover_y": (-2.5, 2.5),
    "cover_tone": (20, 230),
}
# How often each is in front of the face.
COVERS: Final[dict[str, float]] = {"glasses": 0.1, "strand": 0.05, "scarf": 0.03, "hand": 0.05}
# fmt: on
