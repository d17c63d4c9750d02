"""What a cheat does to a finished picture: a region of half a percent of the pixels changed, so that it shows."""

import png

REGION = 0.005  # of the pixels
VISIBLE = 2     # of 255, the mean change within the region


def clamp(value):
    return max(0, min(255, round(value)))


CHANGES = {
    "grey": lambda picture, x, y, draw: (128, 128, 128),
    "brighter by 10 %": lambda picture, x, y, draw: tuple(clamp(1.1 * v + 1) for v in picture.get(x, y)),
    "brighter by 8 of 255": lambda picture, x, y, draw: tuple(clamp(v + 8) for v in picture.get(x, y)),
    "noise of 8 of 255": lambda picture, x, y, draw: tuple(clamp(v + draw.gauss(0, 8)) for v in picture.get(x, y)),
    "moved from elsewhere": lambda picture, x, y, draw: picture.get((x + picture.width // 2) % picture.width, y),
}


def changed(picture, change, draw):
    """A copy with a square region of REGION of the pixels changed, so that it shows; nothing where the change changes nothing."""
    side = max(1, round((REGION * picture.width * picture.height) ** 0.5))
    for _ in range(50):
        left, top, copy, sum_of_changes = draw.randrange(picture.width - side), draw.randrange(picture.height - side), picture.copy(), 0
        for y in range(top, top + side):
            for x in range(left, left + side):
                colour = change(picture, x, y, draw)
                sum_of_changes += sum(abs(a - b) for a, b in zip(colour, picture.get(x, y)))
                copy.put(x, y, colour)
        if sum_of_changes / (3 * side * side) >= VISIBLE:
            return copy
    return None


def tampered(source, folder, draw):
    picture = png.read(source)
    for kind, change in CHANGES.items():
        copy = changed(picture, change, draw)
        if copy is None:
            continue
        path = folder / ("region-%s-%s" % (kind, source.name))
        png.write(copy, path)
        yield kind, path
