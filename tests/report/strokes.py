"""The ten digits as a person draws them: strokes of points on a pad of 280 x 280."""

import math

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, across: float, down: float, start: float, end: float) -> Stroke:
    """Points of an ellipse around (x, y), from one angle to another in degrees; 0 is the right."""
    steps = max(4, round(abs(end - start) / 30))
    angles = [math.radians(start + (end - start) * k / steps) for k in range(steps + 1)]
    return [(x + across * math.cos(a), y + down * math.sin(a)) for a in angles]


DIGITS: dict[int, list[Stroke]] = {
    0: [arc(140, 140, 52, 82, -80, 285)],
    1: [[(118, 92), (146, 62), (143, 140), (138, 222)]],
    2: [[*arc(138, 104, 50, 44, -170, 40), (122, 190), (92, 216), (140, 214), (200, 210)]],
    3: [[*arc(132, 100, 46, 40, -150, 85), *arc(132, 178, 52, 42, -85, 150)]],
    4: [
        [(112, 58), (98, 104), (84, 150), (140, 150), (208, 144)],
        [(172, 62), (166, 140), (160, 224)],
    ],
    5: [
        [(110, 66), (104, 128), *arc(132, 170, 54, 48, -120, 140)],
        [(110, 66), (150, 66), (196, 60)],
    ],
    6: [[(168, 58), (130, 90), (104, 140), *arc(140, 180, 40, 40, 190, -170)]],
    7: [[(82, 78), (140, 74), (200, 70), (172, 130), (142, 190), (132, 226)]],
    8: [
        [*arc(140, 98, 38, 38, -60, -280), *arc(140, 180, 46, 44, -80, 260), (168, 124), (172, 84)]
    ],
    9: [[*arc(138, 106, 42, 44, -20, -340), (180, 100), (176, 160), (164, 224)]],
}  # fmt: skip
