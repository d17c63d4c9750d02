"""Scenes of the four categories that owe nothing to scenes.py: buildings as one welded mesh from a floor plan, turned and
blown-up bodies, land from a formula. They are for going through a file format of others; so there is no fog, hair or
sky in them, which no such format carries.

complex: 600,000 triangles and more, two dozen lights and glass, in any surrounding; the others as in scenes.py. The makers of
a category are in order: tuning uses the first two, what is held out all of them."""

import math
import random

import bpy
from foreign_bodies import Body, camera, glass, lamp


def tint(draw, low=0.15, high=0.8):
    return [draw.uniform(low, high) for _ in range(3)]


def sun(draw):
    lamp("SUN", (0, 0, 50), draw.uniform(2, 4), (draw.uniform(0.3, 1.0), 0, draw.uniform(0, 6.3)))


def shelves(draw, x, y, count):
    """Furniture: tables, turned lamps, boxes."""
    wood = Body("wood", tint(draw))
    for _ in range(count):
        px, py = x + draw.uniform(-1.5, 1.5), y + draw.uniform(-1.5, 1.5)
        wood.block(px, py, draw.uniform(0.4, 1.2), draw.uniform(0.4, 1.2), 0.0, draw.uniform(0.4, 1.1))
        wood.lathe([(0.0, 0), (0.12, 0.02), (0.03, 0.2), (0.15, 0.5), (0.02, 0.6)], (px, py, 1.1), 16)
    wood.done()


def garden(draw, nearest, furthest=50, count=40, quiet=None):
    """Land with turned firs and round trees beyond `nearest` on the side of +y."""
    waves = [(draw.uniform(0.04, 0.1), draw.uniform(0, 6.3), draw.uniform(0.5, 2.0)) for _ in range(3)]
    quiet = quiet or nearest + 4

    def height(x, y):
        far = min(1.0, max(0.0, math.hypot(x, y) - quiet) / 40)
        return -0.1 + far * sum(a * math.sin(f * x + p) * math.cos(f * y) for f, p, a in waves)

    grass, bark, leaves = Body("grass", (0.15, 0.35, 0.1)), Body("bark", (0.25, 0.15, 0.08)), Body("leaves", (0.1, 0.4, 0.12))
    grass.land(160, 60, height)
    for _ in range(count):
        x, y = draw.uniform(-furthest, furthest), nearest + draw.random() ** 1.5 * furthest
        bark.lathe([(0.2, 0), (0.15, 2)], (x, y, height(x, y) - 0.1), 8)
        if draw.random() < 0.5:
            leaves.lathe([(1.6, 1.2), (0.8, 3), (0.0, 5)], (x, y, height(x, y)), 10)
        else:
            leaves.blob(draw, draw.uniform(1.0, 2.0), (x, y, height(x, y) + 3.2), 2)
    for body in (grass, bark, leaves):
        body.done()


# Indoor

def office(draw):
    """An L of a plan, welded; one small window behind the camera."""
    a, b, high = draw.uniform(7, 11), draw.uniform(3.5, 5), draw.uniform(2.6, 3.4)
    plan = [(0, 0), (a, 0), (a, b), (b, b), (b, a), (0, a)]
    house = Body("house", tint(draw, 0.5, 0.9))
    house.prism(plan, -0.2, 0.0)
    house.prism(plan, high, high + 0.2)
    for number, start in enumerate(plan):
        gap = (0.4, 0.55, 0.9, 1.9) if number == 5 and draw.random() < 0.5 else None
        house.wall(start, plan[(number + 1) % len(plan)], high, gap)
    house.lathe([(0.25, 0), (0.2, 0.3), (0.2, high)], (b * 0.6, b * 0.75, 0))
    house.done()
    shelves(draw, b / 2 + 0.5, a * 0.6, draw.randint(3, 6))
    shelves(draw, a * 0.7, b / 2, draw.randint(2, 5))
    for x, y in ((b / 2, a * 0.6), (a * 0.6, b / 2)):
        lamp("POINT", (x, y, high - 0.4), draw.uniform(150, 300))
    camera((0.6, 0.6, 1.6), (b * 0.6, a * 0.7, 1.1))


def rotunda(draw):
    """A round hall with a dome, turned in one piece."""
    radius, high = draw.uniform(5, 9), draw.uniform(3, 5)
    hall = Body("hall", tint(draw, 0.5, 0.9))
    dome = [(radius * math.cos(t * math.pi / 20), high + radius * 0.7 * math.sin(t * math.pi / 20)) for t in range(11)]
    hall.lathe([(0.0, 0), (radius, 0), (radius, high), *dome[1:]], (0, 0, 0), 48)
    hall.done()
    pillars = Body("pillars", tint(draw))
    for i in range(10):
        angle = 2 * math.pi * i / 10
        pillars.lathe([(0.35, 0), (0.25, 0.4), (0.22, high - 0.3), (0.4, high)],
                      (radius * 0.8 * math.cos(angle), radius * 0.8 * math.sin(angle), 0), 20)
    pillars.done()
    shelves(draw, 0, 0, draw.randint(2, 6))
    lamp("POINT", (0, 0, high), draw.uniform(500, 900))
    angle = draw.uniform(0, 0.5)
    camera((radius * 0.6 * math.cos(angle), radius * 0.6 * math.sin(angle), 1.7), (0, 0, 1.4))


def attic(draw):
    """Under a gable roof that comes down to the floor on both sides."""
    width, depth, high = draw.uniform(6, 9), draw.uniform(8, 14), draw.uniform(3.5, 4.5)
    roof = Body("roof", tint(draw, 0.3, 0.7))
    for y in (0.0, depth):
        roof.points += [(-width / 2, y, 0), (width / 2, y, 0), (0, y, high)]
    roof.faces += [[0, 1, 2], [5, 4, 3], [0, 3, 4, 1], [1, 4, 5, 2], [2, 5, 3, 0]]
    for i in range(6):
        roof.block(0, depth * (i + 0.5) / 6, width * 0.5, 0.15, high * 0.5 - 0.1, high * 0.5 + 0.05)
    roof.done()
    shelves(draw, 0, depth * 0.6, draw.randint(4, 8))
    lamp("POINT", (0, depth / 2, high * 0.7), draw.uniform(150, 300))
    camera((draw.uniform(-0.5, 0.5), 0.7, 1.4), (0, depth * 0.8, 1.0))


def cave(draw):
    """Inside a bumpy hollow with dripstones."""
    radius = draw.uniform(6, 10)
    rock, stones = Body("rock", tint(draw, 0.3, 0.6)), Body("stones", tint(draw, 0.3, 0.7))
    rock.blob(draw, radius, (0, 0, 1.5), 5, 0.12, 0.55)
    for _ in range(draw.randint(8, 20)):
        angle, far = draw.uniform(0, 6.3), draw.uniform(2.0, radius * 0.6)
        stones.lathe([(0.5, 0), (0.25, 0.8), (0.0, draw.uniform(1.2, 2.5))], (far * math.cos(angle), far * math.sin(angle), -2.0), 12)
    rock.done()
    stones.done()
    for _ in range(2):
        lamp("POINT", (draw.uniform(-2, 2), draw.uniform(-2, 2), 2.5), draw.uniform(200, 500))
    camera((0.5, -radius * 0.35, 0.5), (0, radius * 0.5, 0.3))


# Outdoor

def street(draw):
    """Between two rows of houses."""
    ground, houses = Body("ground", (0.3, 0.3, 0.3)), Body("houses", tint(draw, 0.3, 0.8))
    ground.block(0, 0, 200, 200, -0.3, 0)
    half = draw.uniform(5, 9)
    for side in (-1, 1):
        y = -25.0
        while y < 70:
            depth, high = draw.uniform(6, 14), draw.uniform(5, 20)
            houses.block(side * (half + 5), y + depth / 2, 10, depth - 0.3, 0, high)
            y += depth
    ground.done()
    houses.done()
    sun(draw)
    camera((draw.uniform(-2, 2), -15, 1.7), (0, 20, 2.0))


def dunes(draw):
    """Sand under a painted sky: a shining ball around everything, as exported from a game."""
    sky, sand, rocks = Body("sky", (0, 0, 0), Emission=(0.4, 0.6, 0.9, 1)), Body("sand", (0.6, 0.5, 0.3)), Body("rocks", tint(draw))
    sky.lathe([(150 * math.cos(math.pi * (t / 16 - 0.5)), 150 * math.sin(math.pi * (t / 16 - 0.5))) for t in range(17)], (0, 0, 0), 32)
    phase, pitch = draw.uniform(0, 6.3), draw.uniform(0.05, 0.12)

    def height(x, y):
        return 2.0 * math.sin(pitch * x + phase) * math.cos(pitch * 0.7 * y)

    sand.land(200, 80, height)
    for _ in range(draw.randint(5, 15)):
        x, y = draw.uniform(-20, 20), draw.uniform(5, 40)
        rocks.blob(draw, draw.uniform(0.5, 2.5), (x, y, height(x, y)), 3)
    for body in (sky, sand, rocks):
        body.done()
    sun(draw)
    camera((0, -6, height(0, -6) + 2.0), (0, 20, height(0, 20) + 1.5))


def park(draw):
    garden(draw, 6.0, count=draw.randint(30, 80))
    stone = Body("stone", tint(draw, 0.5, 0.8))
    stone.block(0, 5, 1.5, 1.5, 0, 1.2)
    stone.blob(draw, 0.8, (0, 5, 2.1), 4, 0.3)
    stone.done()
    sun(draw)
    camera((draw.uniform(-2, 2), -4, 1.7), (0, 10, 1.8))


def town_from_above(draw):
    ground, houses = Body("ground", (0.25, 0.3, 0.2)), Body("houses", tint(draw, 0.4, 0.8))
    ground.block(0, 0, 300, 300, -0.3, 0)
    for row in range(-6, 7):
        for column in range(-6, 7):
            if draw.random() < 0.8:
                houses.block(column * 14, row * 14, draw.uniform(6, 11), draw.uniform(6, 11), 0, draw.uniform(4, 18))
    ground.done()
    houses.done()
    sun(draw)
    camera((0, -90, draw.uniform(30, 50)), (0, 0, 0))


# Hybrid

def veranda(draw):
    """A roof on posts before a house, towards a garden."""
    width, depth, high = draw.uniform(6, 10), draw.uniform(4, 6), draw.uniform(2.6, 3.2)
    porch = Body("porch", tint(draw, 0.4, 0.8))
    porch.block(0, 0, width, depth, -0.1, 0.05)
    porch.block(0, 0, width, depth, high, high + 0.2)
    porch.wall((-width / 2, -depth / 2), (width / 2, -depth / 2), high)
    porch.wall((-width / 2, -depth / 2), (-width / 2, depth / 2), high)
    for i in range(4):
        porch.lathe([(0.12, 0), (0.1, high)], (width * (i / 3 - 0.5) * 0.95, depth / 2 - 0.2, 0), 12)
    porch.done()
    shelves(draw, 0, 0.5, draw.randint(1, 4))
    garden(draw, depth + 5)
    sun(draw)
    camera((draw.uniform(-1, 1), -depth / 2 + 0.5, 1.6), (0, 10, 1.3))


def window_wall(draw):
    """A room whose far wall is mostly window, with frames, towards land."""
    width, depth, high = draw.uniform(5, 9), draw.uniform(5, 9), draw.uniform(2.6, 3.4)
    room = Body("room", tint(draw, 0.5, 0.9))
    room.block(0, 0, width, depth, -0.2, 0)
    room.block(0, 0, width, depth, high, high + 0.2)
    for start, end in (((-1, -1), (1, -1)), ((1, -1), (1, 1)), ((-1, 1), (-1, -1))):
        room.wall((start[0] * width / 2, start[1] * depth / 2), (end[0] * width / 2, end[1] * depth / 2), high)
    room.wall((-width / 2, depth / 2), (width / 2, depth / 2), high, (0.08, 0.92, 0.3, high - 0.2))
    for i in range(3):
        room.block(width * (0.25 * (i + 1) - 0.5), depth / 2, 0.08, 0.08, 0, high)
    room.done()
    shelves(draw, 0, 0, draw.randint(2, 5))
    garden(draw, depth + 5)
    lamp("POINT", (0, -1, high - 0.4), draw.uniform(60, 150))
    sun(draw)
    camera((draw.uniform(-1, 1), -depth / 2 + 0.5, 1.5), (0, depth, 1.3))


def arcade(draw):
    """Under arches around a court."""
    deep, wide, high = draw.uniform(3.5, 5), draw.uniform(12, 20), draw.uniform(3, 4)
    stone = Body("stone", tint(draw, 0.5, 0.8))
    stone.block(0, wide / 2, wide * 2, wide * 2, -0.2, 0)
    stone.block(0, 0, wide, deep, high, high + 1.0)
    stone.wall((-wide / 2, -deep / 2), (wide / 2, -deep / 2), high)
    for i in range(7):
        stone.block(wide * (i / 6 - 0.5), deep / 2 - 0.25, 0.5, 0.5, 0, high)
    stone.block(0, wide + 4, wide, 6, 0, draw.uniform(5, 8))
    stone.done()
    sun(draw)
    camera((-wide * 0.3, -deep / 2 + 0.5, 1.7), (wide * 0.1, deep + 4, 1.5))


def car_park(draw):
    """A storey that is open on all sides, over land."""
    wide, high = draw.uniform(16, 26), draw.uniform(2.6, 3.2)
    concrete = Body("concrete", tint(draw, 0.4, 0.7))
    concrete.block(0, 0, wide, wide, -0.3, 0)
    concrete.block(0, 0, wide, wide, high, high + 0.3)
    for row in range(4):
        for column in range(4):
            concrete.block(wide * (column / 3 - 0.5) * 0.95, wide * (row / 3 - 0.5) * 0.95, 0.4, 0.4, 0, high)
    concrete.done()
    garden(draw, wide / 2 + 6, quiet=wide)
    sun(draw)
    camera((draw.uniform(-2, 2), -wide * 0.3, 1.6), (0, wide, 1.4))


# Complex

def dense(draw, place, count):
    """Bodies of 330,000 triangles each."""
    for number in range(count):
        body = Body("statue", tint(draw, 0.4, 0.8), Roughness=0.3)
        body.blob(draw, 0.9, (place[0] + 2.2 * (number - (count - 1) / 2), place[1], place[2]), 8, 0.25)
        body.done()


def many_lights(draw, low, high, count, energy):
    for _ in range(count):
        lamp(draw.choice(("POINT", "SPOT")), [draw.uniform(a, b) for a, b in zip(low, high)], draw.uniform(0.5, 1.5) * energy)


def vases(draw, x, y, z, count):
    body = glass("glass")
    for _ in range(count):
        body.lathe([(0.01, 0), (0.2, 0.02), (0.25, 0.3), (0.1, 0.5), (0.16, 0.6)],
                   (x + draw.uniform(-3, 3), y + draw.uniform(-1.5, 1.5), z), 32)
    body.done()


def gallery(draw):
    office(draw)
    dense(draw, (2.5, 5.0, 1.0), 2)
    vases(draw, 2.5, 2.5, 1.0, 30)
    many_lights(draw, (0.5, 0.5, 2), (3, 6, 2.5), draw.randint(20, 30), 20)


def fair(draw):
    park(draw)
    dense(draw, (0, 8, 1.5), 3)
    vases(draw, 0, 3, 0.2, 40)
    many_lights(draw, (-8, 0, 2), (8, 15, 4), draw.randint(20, 40), 60)


def crystal_hall(draw):
    rotunda(draw)
    dense(draw, (0, 0, 2.0), 2)
    vases(draw, 0, 1, 1.2, 60)
    many_lights(draw, (-3, -3, 2), (3, 3, 3), draw.randint(24, 48), 25)


def terrace_at_night(draw):
    veranda(draw)
    dense(draw, (0, 1.0, 1.0), 2)
    vases(draw, 0, 0.5, 0.8, 40)
    many_lights(draw, (-3, -1, 2), (3, 6, 2.5), draw.randint(20, 30), 20)


MAKERS = {
    "indoor": (office, rotunda, attic, cave), "outdoor": (street, dunes, park, town_from_above),
    "hybrid": (veranda, window_wall, arcade, car_park), "complex": (gallery, fair, crystal_hall, terrace_at_night),
}


def make(category, seed, held_out):
    """The scene is then the open one."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    makers = MAKERS[category] if held_out else MAKERS[category][:2]
    makers[seed % len(makers)](random.Random("foreign:%s:%d" % (category, seed)))
