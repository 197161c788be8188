"""Contrast and colour as people see them, by published formulas.

Contrast: "Web Content Accessibility Guidelines (WCAG) 2.2", World Wide Web Consortium, 2023: 4.5
to 1 for text, 3 to 1 for marks that carry meaning.  Colour-vision deficiencies, at full severity,
on linear RGB: "A Physiologically-based Model for Simulation of Color Vision Deficiency", Gustavo M.
Machado, Manuel M. Oliveira and Leandro A. F. Fernandes, 2009.
"""

import numpy as np
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.typing import ColorType

TEXT, MARK = 4.5, 3.0

EYES = {
    "everybody": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# Linear sRGB to XYZ, for the white of D65 (IEC 61966-2-1, 1999).
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def linear(colour: ColorType) -> np.ndarray:
    """Take the gamma out of an opaque colour: three amounts of light from 0 to 1."""
    rgb = np.array(to_rgb(colour), dtype=float)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def over(colour: ColorType, behind: ColorType = "white") -> tuple[float, float, float]:
    """What a colour that lets light through looks like in front of another one."""
    *front, alpha = to_rgba(colour)
    back = to_rgb(behind)
    red, green, blue = (alpha * f + (1 - alpha) * b for f, b in zip(front, back, strict=True))
    return red, green, blue


def contrast(one: ColorType, behind: ColorType = "white") -> float:
    """Contrast ratio by WCAG 2, from 1 (the same) to 21 (black on white)."""
    lights = sorted(float(TO_XYZ[1] @ linear(c)) for c in (over(one, behind), behind))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(colour: ColorType, eyes: str = "everybody") -> np.ndarray:
    """CIELAB coordinates (CIE 1976) of a colour as somebody sees it."""
    seen = (EYES[eyes] @ linear(colour)).clip(0, 1)
    xyz = TO_XYZ @ seen / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: ColorType, two: ColorType, eyes: str = "everybody") -> float:
    """How different two colours look: their distance in CIELAB; about 2 is just to be seen."""
    return float(np.linalg.norm(lab(one, eyes) - lab(two, eyes)))
