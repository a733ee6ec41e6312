"""Draws a batch of grey faces from their measures, with signed distances in NumPy.

Eyes, brows and cheeks are drawn once, in coordinates folded at the middle of the face.

Pixels come from additions, products, quotients and square roots alone, which IEEE 754 rounds exactly; NumPy's sine or
exponential differ in the last bit between processors, and with it a dataset's fingerprint could. Python's numbers
leave float32 arrays float32 (NEP 50).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.faces.measures import Expression, Grid, Person, Scene

SIZE: Final = 48


def draw_faces(expression: Expression, person: Person, scene: Scene, noise: Grid) -> NDArray[np.uint8]:
    """The pictures of a batch of faces.

    Args:
        expression, person, scene: of n faces.
        noise: shape (n, 48, 48), standard deviation 1.

    Returns:
        Shape (n, 48, 48), 0-255.
    """
    columns, rows = _pixels()
    canvas = _background(columns, rows, scene)
    x, y = _face_coordinates(columns, rows, scene)
    _draw_head(canvas, x, y, expression, person)
    turned_x = x - scene.yaw * _bump(x / 22)
    turned_y = y - scene.pitch * _bump(y / 24)
    side = np.sign(turned_x) * scene.tilt
    folded = np.abs(turned_x)
    _draw_creases(canvas, folded, turned_y, expression, person)
    _draw_nose(canvas, turned_x - scene.yaw * 0.4, turned_y, expression, person)
    _draw_mouth(canvas, turned_x, turned_y + side * turned_x / 9, expression, person)
    eye_x = folded - person.eye_x
    _draw_eyes(canvas, eye_x, np.where(turned_x < 0, -eye_x, eye_x), turned_y, (expression, person, scene))
    _draw_brows(canvas, eye_x, turned_y + side, expression, person)
    _draw_covers(canvas, turned_x, turned_y, person, scene)
    return _photograph(canvas, columns, rows, scene, noise)


def _pixels() -> tuple[Grid, Grid]:
    """Columns (1, 1, 48) and rows (1, 48, 1), counted from the middle of the image."""
    line = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    return line[None, None, :], line[None, :, None]


def _face_coordinates(columns: Grid, rows: Grid, scene: Scene) -> tuple[Grid, Grid]:
    """Where on the upright face every pixel lies: x and y, (n, 48, 48)."""
    square = scene.half_turn * scene.half_turn
    cosine = (1 - square) / (1 + square) / scene.scale
    sine = 2 * scene.half_turn / (1 + square) / scene.scale
    right, down = columns - scene.shift_x, rows - scene.shift_y
    return cosine * right + sine * down, cosine * down - sine * right


def _bump(position: Grid) -> Grid:
    """1 at 0, falling smoothly to 0 at -1 and 1 and beyond."""
    bump: Grid = np.maximum(1 - position * position, 0)
    return bump


def _inside(distance: Grid, softness: float = 1.0) -> Grid:
    """Coverage 0-1 of pixels at a signed distance (negative inside), with an edge of `softness` units."""
    coverage: Grid = distance * (-1 / softness)
    coverage += 0.5
    return np.clip(coverage, 0, 1, out=coverage)


def _ellipse(x: Grid, y: Grid, width: Grid | float, height: Grid | float) -> Grid:
    """Signed distance to an ellipse with these half axes, to first order: f / |gradient of f|."""
    scaled_x, scaled_y = x / width, y / height
    value = np.sqrt(scaled_x * scaled_x + scaled_y * scaled_y)
    steep_x, steep_y = scaled_x / width, scaled_y / height
    slope = np.sqrt(steep_x * steep_x + steep_y * steep_y) + 1e-4
    return np.asarray(value * (value - 1) / slope, dtype=np.float32)


def _paint(canvas: Grid, coverage: Grid, tone: Grid | float) -> None:
    """Blends `tone` (0-255) over the canvas in place, where `coverage` (0-1) says."""
    change = tone - canvas
    change *= coverage
    canvas += change


def _background(columns: Grid, rows: Grid, scene: Scene) -> Grid:
    middle = SIZE / 2
    tone = scene.background + scene.slope_x * columns / middle + scene.slope_y * rows / middle
    return np.asarray(tone + scene.step * _inside(columns - scene.edge, 3.0), dtype=np.float32)


def _draw_head(canvas: Grid, x: Grid, y: Grid, expression: Expression, person: Person) -> None:
    """Neck, hair behind the head, ears, head with its rounding, beard, hair above the hairline."""
    skin, hair = person.skin, person.hair
    _paint(canvas, _inside(np.abs(x) - 9) * _inside(15 - y), skin * 0.72)
    _paint(canvas, _inside(_ellipse(x, y - 27, 26, 6), 1.5), person.iris + 60)
    reach = person.head_width + 3
    mane = _ellipse(x, y + 3, reach, person.head_height)
    _paint(canvas, _inside(np.maximum(mane, y - person.long_hair)), hair)
    _paint(canvas, _inside(_ellipse(np.abs(x) - person.head_width, y - 1, 2, 4)), skin * 0.85)
    lower = np.maximum(y - 1, 0)
    drop = 1 + expression.jaw / 22
    head = _ellipse(
        x * (1 + person.taper * lower / 20), np.where(y > 1, lower / drop, y - 1), person.head_width, person.head_height
    )
    rounding = 1 - 0.3 * np.clip((head + 7) / 8, 0, 1) ** 2
    face = _inside(head)
    _paint(canvas, face, skin * rounding)
    beard = np.clip((y - 6 + person.parting * 0.2) / 5, 0, 1) * np.clip((head + 12) / 5, 0, 1)
    _paint(canvas, face * beard * np.maximum(person.beard, 0), hair)
    line = person.hairline + (x - person.parting) * (x - person.parting) / 45
    _paint(canvas, _inside(np.maximum(head - 1, y - line), 1.5), hair)


def _draw_creases(canvas: Grid, folded: Grid, y: Grid, expression: Expression, person: Person) -> None:
    """Shadows of contracted muscles: between the brows, on forehead, nose and cheeks, beside the mouth."""
    skin = person.skin
    shade = skin * 0.55
    upright = _inside(np.abs(folded - 1.7) - 0.5) * _inside(np.abs(y - person.brow_y) - 3)
    _paint(canvas, upright * expression.frown, shade)
    forehead = person.brow_y - 5 - expression.brow_raise * 0.5 + folded * folded / 90
    lines = _inside(np.abs(np.abs(y - forehead) - 1.4) - 0.3) * _inside(folded - 8, 3)
    _paint(canvas, lines * expression.forehead, shade)
    bridge = y + 1.0 - folded * 0.5
    lines = _inside(np.abs(np.abs(bridge) - 1.3) - 0.4) * _inside(folded - 4, 1.5)
    _paint(canvas, lines * expression.wrinkle, shade)
    cheek_y = y - person.eye_y - 6.5 + expression.cheek
    apple = _bump((folded - person.eye_x - 1) / 6) * _bump(cheek_y / 4)
    _paint(canvas, apple * expression.cheek * 0.6, np.minimum(skin * 1.25, 250))
    rim = cheek_y + 3.6 - _bump((folded - person.eye_x) / 6)
    _paint(canvas, _inside(np.abs(rim) - 0.3) * _bump((folded - person.eye_x) / 6) * expression.cheek, shade)
    along = (y - person.nose_y + 1) / 9
    fold_x = folded - 4.5 - along * 5 + along * (1 - along) * -4
    fold = _inside(np.abs(fold_x) - 0.6) * _inside(np.abs(along - 0.5) * 9 - 4.5, 3)
    _paint(canvas, fold * expression.fold, shade)


def _draw_nose(canvas: Grid, x: Grid, y: Grid, expression: Expression, person: Person) -> None:
    """A shaded flank, the tip's lower edge and two nostrils."""
    skin = person.skin
    tip = y - person.nose_y + expression.wrinkle * 1.5
    width = person.nose_width + expression.wrinkle * 0.8
    flank = _inside(np.abs(x - 1.6 - (tip + 8) * 0.12) - 0.6, 1.5)
    _paint(canvas, flank * _inside(np.abs(tip + 4) - 4, 2) * 0.6, skin * 0.7)
    edge = tip - 1.2 * _bump(x / width)
    _paint(canvas, _inside(np.abs(edge) - 0.5) * _inside(np.abs(x) - width), skin * 0.6)
    _paint(canvas, _inside(_ellipse(np.abs(x) - width * 0.5, tip, 1.1, 0.8)), skin * 0.35)


def _draw_mouth(canvas: Grid, x: Grid, y: Grid, expression: Expression, person: Person) -> None:
    """Lips around an opening between two curves from corner to corner, teeth hanging from the upper one."""
    skin = person.skin
    along = x / expression.mouth_width
    square = np.minimum(along * along, 1.6)
    down = y - person.mouth_y + expression.mouth_raise + expression.mouth_corner * (square - 0.35)
    within = np.maximum(1 - square, 0)
    profile = within + expression.mouth_square * (np.sqrt(within * (1 + square)) - within)
    lifted = np.abs(expression.sneer) * _bump((along - np.sign(expression.sneer) * 0.5) / 0.8)
    upper = down + expression.mouth_upper * profile + lifted
    lower = down - expression.mouth_lower * profile + lifted * 0.3
    ends = (np.abs(along) - 1) * expression.mouth_width
    lips = np.maximum(np.maximum(-upper - expression.lip * profile, lower - expression.lip * profile), ends)
    _paint(canvas, _inside(lips) * person.lip_contrast, skin * 0.45)
    below = lower - expression.lip - 1.6
    _paint(canvas, _inside(np.abs(below) - 0.6, 2) * _inside(ends + 2) * 0.3, skin * 0.6)
    opening = np.maximum(-upper, lower)
    gap = _inside(np.maximum(opening - 0.45, ends))
    _paint(canvas, gap, skin * 0.18)
    teeth = _inside(np.maximum(opening + 0.5, np.maximum(upper - expression.teeth, ends + 0.7)))
    _paint(canvas, teeth * np.minimum(expression.teeth, 1), np.maximum(skin * 1.3, 200))


def _draw_eyes(canvas: Grid, eye_x: Grid, plain_x: Grid, y: Grid, face: tuple[Expression, Person, Scene]) -> None:
    """Sockets, whites between two lids, irises with the gaze, lid lines.

    Args:
        canvas: painted on.
        eye_x: from the middle of the eye outwards.
        plain_x: from the middle of the eye to the right of the image, for the gaze.
        y: down.
        face: expression, person and scene.
    """
    expression, person, scene = face
    skin = person.skin
    width = person.eye_width
    along = eye_x / width
    within = _bump(along)
    within = 0.5 * (within + np.sqrt(within))
    down = y - person.eye_y - expression.eye_droop * along
    _paint(canvas, _bump(along / 1.5) * _bump((down + 1) / 6) * 0.35, skin * 0.6)
    upper = down + expression.lid_upper * within
    lower = down - expression.lid_lower * within
    ends = (np.abs(along) - 1) * width
    white = _inside(np.maximum(np.maximum(-upper, lower), ends))
    _paint(canvas, white, np.maximum(skin * 1.2, 185))
    iris = _inside(_ellipse(plain_x - scene.gaze_x, y - person.eye_y - scene.gaze_y, 2.2, 2.2))
    _paint(canvas, white * iris, person.iris)
    _paint(canvas, _inside(np.maximum(np.abs(upper) - 0.55, ends)), skin * 0.22)
    _paint(canvas, _inside(np.maximum(np.abs(lower) - 0.2, ends)) * 0.7, skin * 0.45)


def _draw_brows(canvas: Grid, eye_x: Grid, y: Grid, expression: Expression, person: Person) -> None:
    """Two strokes that thin out towards the temples."""
    along = (eye_x + expression.brow_together) / person.brow_width
    bent = person.brow_y - expression.brow_raise - expression.brow_arch * (1 - along * along)
    middle = y - bent - expression.brow_inner * (along * 0.5)
    thickness = person.brow_thickness * (1 - 0.3 * along)
    stroke = np.maximum(np.abs(middle) - thickness, (np.abs(along) - 1) * person.brow_width)
    _paint(canvas, _inside(stroke, 1.2) * person.brow_contrast, np.minimum(person.hair, person.skin * 0.5))


def _draw_covers(canvas: Grid, x: Grid, y: Grid, person: Person, scene: Scene) -> None:
    """Glasses, a strand of hair, a scarf or a hand in front of the face, where the scene has one."""
    lens = _ellipse(np.abs(x) - person.eye_x, y - person.eye_y - 0.5, 6.3, 5.0)
    bridge = np.maximum(np.abs(y - person.eye_y) - 0.6, np.abs(x) - 3)
    frame = np.maximum(_inside(np.abs(lens) - 0.5), _inside(bridge))
    _paint(canvas, frame * scene.glasses, scene.cover_tone * 0.4)
    swing = x - scene.cover_x - (y + 8) * (y + 8) * np.sign(scene.cover_x) / 90
    _paint(canvas, _inside(np.maximum(np.abs(swing) - 1.6, y - 6)) * scene.strand, person.hair)
    top = 13 + scene.cover_y - y - x * x / 60
    scarf = np.maximum(top, np.abs(x) - 14.5)
    _paint(canvas, _inside(scarf) * scene.scarf, scene.cover_tone)
    folds = np.abs(np.abs(top + 5) - 2) - 0.5
    _paint(canvas, _inside(np.maximum(folds, scarf)) * scene.scarf, scene.cover_tone * 0.6)
    hand_x, hand_y = x - scene.cover_x * 1.4, y - 11 - scene.cover_y
    fingers = _ellipse(np.abs(np.abs(hand_x) - 2.2) - 1.3, hand_y - 1, 1.2, 7)
    palm = np.minimum(_ellipse(hand_x, hand_y - 10, 5.2, 7), fingers)
    _paint(canvas, _inside(palm - 0.8) * scene.hand, person.skin * 0.5)
    _paint(canvas, _inside(palm) * scene.hand, person.skin * 0.95)


def _photograph(canvas: Grid, columns: Grid, rows: Grid, scene: Scene, noise: Grid) -> NDArray[np.uint8]:
    """Light, contrast, blur and noise; shape (n, 48, 48)."""
    middle = SIZE / 2
    canvas *= 1 + scene.light_x * columns / middle + scene.light_y * rows / middle
    canvas = (canvas - 128) * scene.contrast + 128 + scene.brightness
    for _ in range(2):
        canvas = _blurred(_blurred(canvas, scene.blur).swapaxes(1, 2), scene.blur).swapaxes(1, 2)
    canvas = canvas + noise * scene.noise
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _blurred(canvas: Grid, weight: Grid) -> Grid:
    """Every pixel mixed with its two neighbours along the rows; the border repeats."""
    padded = np.concatenate([canvas[:, :1], canvas, canvas[:, -1:]], axis=1)
    neighbours = 0.5 * (padded[:, :-2] + padded[:, 2:])
    mixed: Grid = canvas + weight * (neighbours - canvas)
    return mixed
