"""What a drawn face is made of: what it does, who it is, how it is seen; and how these vary.

What each expression does with brows, lids, nose and mouth follows the prototypes of the Facial Action Coding System
(Ekman, Friesen and Hager, "Facial Action Coding System: The Manual", 2002; summarised with the action units of each
emotion in Du, Tao and Martinez, "Compound facial expressions of emotion", PNAS 111(15), 2014, table 1).

Face units: x to the right, y down, the origin between the bridge and the tip of the nose, one unit a pixel at scale 1.
"""

# ruff: noqa: RUF009 - the calls below make dataclass fields

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Grid: TypeAlias = NDArray[np.floating[Any]]  # always float32
Measures: TypeAlias = dict[str, float]


def _varied(rest: float = 0.0, habit: float = 0.0) -> Any:
    """A measure with its value in a neutral face, and how far faces differ to either side, whatever they express."""
    return field(metadata={"rest": rest, "habit": habit})


def _spread(low: float, high: float) -> Any:
    """A measure that is spread evenly over a range."""
    return field(metadata={"range": (low, high)})


def _in_front(share: float) -> Any:
    """Whether something is in front of the face: 1 in this share of the pictures, else 0."""
    return field(metadata={"range": (0, 1), "share": share})


@dataclass(frozen=True, eq=False)
class Expression:
    """What the face does; float32 arrays of shape (n, 1, 1), in face units unless said otherwise."""

    brow_raise: Grid = _varied(habit=0.9)  # height of the brows above rest
    brow_inner: Grid = _varied(habit=0.9)  # height of their inner ends above the outer ones; negative in a scowl
    brow_arch: Grid = _varied(rest=0.8, habit=0.5)  # height of the middle of a brow above its ends
    brow_together: Grid = _varied()  # how far the brows move towards each other
    lid_upper: Grid = _varied(rest=2.3, habit=0.4)  # height of the upper lid above the line of the eye
    lid_lower: Grid = _varied(rest=1.5, habit=0.3)  # depth of the lower lid below that line; negative in a smile
    eye_droop: Grid = _varied(habit=0.5)  # how far the outer corner of the eye hangs
    mouth_width: Grid = _varied(rest=6.8, habit=0.8)  # half of it
    mouth_corner: Grid = _varied(habit=0.7)  # height of the corners above the middle
    mouth_upper: Grid = _varied()  # opening above the line between the corners
    mouth_lower: Grid = _varied()  # opening below that line
    mouth_square: Grid = _varied(rest=0.3)  # 0 almond, 1 square
    mouth_raise: Grid = _varied()  # how far the whole mouth moves up
    lip: Grid = _varied(rest=1.5, habit=0.4)  # thickness of the lips
    teeth: Grid = _varied()  # height of the teeth that show
    sneer: Grid = _varied()  # raise of the upper lip on one side; the sign says which
    fold: Grid = _varied(habit=0.2)  # strength (0-1) of the fold from nose to mouth
    cheek: Grid = _varied()  # strength (0-1) of the cheek's bulge under the eye
    frown: Grid = _varied(habit=0.15)  # strength (0-1) of the upright lines between the brows
    wrinkle: Grid = _varied()  # strength (0-1) of the lines across the nose, which also lifts and broadens it
    forehead: Grid = _varied(habit=0.15)  # strength (0-1) of the lines across the forehead
    jaw: Grid = _varied()  # how far the chin drops


@dataclass(frozen=True, eq=False)
class Person:
    """Who it is; float32 arrays of shape (n, 1, 1), in face units unless said otherwise."""

    skin: Grid = _spread(145, 215)  # tone, 0-255
    hair: Grid = _spread(20, 80)  # tone of hair, beard and strand, 0-255
    iris: Grid = _spread(15, 70)  # tone, 0-255
    head_width: Grid = _spread(15.5, 19)  # half of it
    head_height: Grid = _spread(20, 23)  # half of it
    taper: Grid = _spread(0.05, 0.35)  # how much narrower the chin is than the temples, as a fraction
    hairline: Grid = _spread(-18.5, -13.5)  # height of its highest point
    parting: Grid = _spread(-9, 9)  # sideways place of that point
    long_hair: Grid = _spread(-6, 24)  # how far down the hair behind the head reaches
    beard: Grid = _spread(-0.8, 0.5)  # density (0-1); none where negative
    eye_x: Grid = _spread(7.6, 9)  # middle of an eye
    eye_y: Grid = _spread(-4.4, -3)  # middle of an eye
    eye_width: Grid = _spread(4.6, 5.6)  # half of it
    brow_y: Grid = _spread(-10.4, -9.2)  # height of the brows at rest
    brow_width: Grid = _spread(5.2, 6.4)  # half of it
    brow_thickness: Grid = _spread(1, 1.8)  # half of it
    brow_contrast: Grid = _spread(0.85, 1)  # 0-1
    nose_y: Grid = _spread(4, 5.6)  # the nose's lower edge
    nose_width: Grid = _spread(2.4, 3.8)  # half of it
    mouth_y: Grid = _spread(11.3, 13)  # the mouth at rest
    lip_contrast: Grid = _spread(0.5, 0.9)  # 0-1


@dataclass(frozen=True, eq=False)
class Scene:
    """How it is seen; float32 arrays of shape (n, 1, 1)."""

    shift_x: Grid = _spread(-3, 3)  # place of the face, pixels from the middle
    shift_y: Grid = _spread(-4, 2)  # the same, down
    half_turn: Grid = _spread(-0.12, 0.12)  # tangent of half the in-plane angle, which gives its sine and cosine
    scale: Grid = _spread(1, 1.24)  # size of the face
    yaw: Grid = _spread(-2.8, 2.8)  # how far the middle of the face moves sideways on the head, face units
    pitch: Grid = _spread(-1, 1)  # the same, down
    gaze_x: Grid = _spread(-1.2, 1.2)  # place of the iris in the eye
    gaze_y: Grid = _spread(-0.6, 0.6)  # the same, down
    tilt: Grid = _spread(-0.4, 0.4)  # difference between right and left, of brows, lids and mouth corners
    background: Grid = _spread(60, 190)  # tone, 0-255
    slope_x: Grid = _spread(-20, 20)  # change of that tone from the middle to the side
    slope_y: Grid = _spread(-20, 20)  # the same, down
    edge: Grid = _spread(-24, 24)  # column of a step in the background
    step: Grid = _spread(-30, 30)  # height of that step
    brightness: Grid = _spread(-15, 15)  # added, 0-255
    contrast: Grid = _spread(0.8, 1.15)  # factor around middle grey
    light_x: Grid = _spread(-0.2, 0.2)  # change of the light from the middle to the side, as a fraction
    light_y: Grid = _spread(-0.12, 0.12)  # the same, down
    blur: Grid = _spread(0, 0.25)  # weight of the neighbours in two passes of a three-pixel filter
    noise: Grid = _spread(1, 6)  # standard deviation, 0-255
    glasses: Grid = _in_front(0.1)  # 0 or 1, whether they are in front of the face
    strand: Grid = _in_front(0.05)  # 0 or 1
    scarf: Grid = _in_front(0.03)  # 0 or 1
    hand: Grid = _in_front(0.05)  # 0 or 1
    cover_x: Grid = _spread(-9, 9)  # place of what is in front
    cover_y: Grid = _spread(-2.5, 2.5)  # the same, down
    cover_tone: Grid = _spread(20, 230)  # its tone, 0-255


# fmt: off
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
# fmt: on
