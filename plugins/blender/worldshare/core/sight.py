"""What the camera sees of a soup of triangles and quads: sky, walls, ceilings.

Built from a sample of each mesh's polygons, so that it costs the same for a thousand polygons and for a million: of n
polygons k are taken and each grows by sqrt(n / k) around its centre, which keeps the covered area (Cook, Halstead, Planck,
Ryu: Stochastic simplification of aggregate detail, 2007), and a half more, so that the samples close up to a surface again.

Vectors are sequences of three numbers. Rays are cast by whatever cast(origin, direction) is given: it answers the
hit's point, or None.
"""

import math

VIEW_COLUMNS, VIEW_ROWS = 24, 14
HEMISPHERE_RAYS = 64
LIFT = 0.02
CLOSING = 1.5


def shares(sizes, budget, least=6):
    """How many polygons of each mesh to take. `sizes`: (polygons, weight) of each."""
    total = sum(weight for _, weight in sizes) or 1.0
    return [min(count, max(least, int(budget * weight / total))) for count, weight in sizes]


def grown(corners, factor):
    """The polygon with sides `factor` times as long, and so much more that neighbours overlap."""
    if factor <= 1.0:
        return corners
    factor *= CLOSING
    n = len(corners)
    centre = [sum(corner[axis] for corner in corners) / n for axis in range(3)]
    return [tuple(centre[axis] + (corner[axis] - centre[axis]) * factor for axis in range(3)) for corner in corners]


def picked(count, wanted, start=0, stop=None):
    """Indices of `wanted` of `count` polygons, evenly spread, in the middle of their share; of these the start-th to stop-th."""
    return [(2 * i + 1) * count // (2 * wanted) for i in range(start, min(wanted, wanted if stop is None else stop))]


def hemisphere(rays=HEMISPHERE_RAYS):
    """Directions evenly over the upper half (golden spiral)."""
    for i in range(rays):
        z = (i + 0.5) / rays
        ring, angle = math.sqrt(1 - z * z), i * math.pi * (3 - math.sqrt(5))
        yield (ring * math.cos(angle), ring * math.sin(angle), z)


def view_grid(corners, columns=VIEW_COLUMNS, rows=VIEW_ROWS):
    """Directions through the picture. `corners`: those of the frame before the eye: top right, bottom right, bottom
    left, top left, relative to the eye."""
    right_top, _, left_bottom, left_top = corners
    for row in range(rows):
        for column in range(columns):
            u, v = (column + 0.5) / columns, (row + 0.5) / rows
            yield tuple(left_top[a] + (right_top[a] - left_top[a]) * u + (left_bottom[a] - left_top[a]) * v
                        for a in range(3))


def look(eye, directions, cast, rays_per_step=48):
    """A generator that yields between portions of rays and at last returns open_view, enclosed and covered."""
    hits, sky, done = [], 0, 0
    for direction in directions:
        point = cast(eye, direction)
        if point is None:
            sky += 1
        else:
            hits.append((point, direction))
        done += 1
        if done % rays_per_step == 0:
            yield
    closed = 0
    for direction in hemisphere():
        closed += cast(eye, direction) is not None
    yield
    under = 0
    for number, (point, direction) in enumerate(hits):
        start = tuple(point[axis] - direction[axis] * LIFT for axis in range(3))
        under += cast(start, (0.0, 0.0, 1.0)) is not None
        if number % rays_per_step == 0:
            yield
    return {
        "open_view": sky / done if done else 0.0,
        "enclosed": closed / HEMISPHERE_RAYS,
        "covered": under / len(hits) if hits else 0.0,
    }
