"""Rendered faces are repeatable, obey their attributes, and show the same person in both domains."""

import pytest
import torch

from faces.rendered import synthetic
from faces.rendered.synthetic import ATTRIBUTES, PORTRAIT, as_portraits, sample_attributes, sample_people

DOMAINS = pytest.mark.parametrize("domain", ["A", "B", "C"])

NEUTRAL = {name: (attribute.low + attribute.high) / 2 for name, attribute in ATTRIBUTES.items()}
NEUTRAL |= {"skin": 0.2, "hair_len": 0.1, "bg_hue": 0.4, "glasses": 0, "beard": 0, "bald": 0}


def render(*arguments, **named):
    """In 0..1, as parts of a person are described here."""
    return (synthetic.render(*arguments, **named) + 1) / 2


def person(**changes):
    """One person seen from the front, or one for each value of an attribute that is given as a list."""
    traits = NEUTRAL | changes
    n = max(len(value) if isinstance(value, list) else 1 for value in traits.values())
    return {
        name: torch.tensor(value if isinstance(value, list) else [value] * n, dtype=torch.float32)
        for name, value in traits.items()
    }


def piece(attributes, start, stop):
    return {name: values[start:stop] for name, values in attributes.items()}


def change_map(domain, size=64, **changes):
    """How much each pixel changes when an attribute goes from the first to the second of two values: [size, size]."""
    before, after = (render(person(**{name: pair[i] for name, pair in changes.items()}), size, domain) for i in (0, 1))
    return (before - after).abs().amax((0, 1))


def eye_positions(domain, **changes):
    """Where the irises are, found by changing their colour: x and y in 0..1, each [n]."""
    before, after = (render(person(iris_hue=hue, **changes), 64, domain) for hue in (0, 1))
    weight = (before - after).abs().sum(1)
    weight = weight / weight.sum((1, 2), keepdim=True)
    place = (torch.arange(64) + 0.5) / 64
    return weight.sum(1) @ place, weight.sum(2) @ place


# Repeatable


@DOMAINS
def test_the_same_seed_gives_the_same_bytes(domain):
    first, second = (render(sample_attributes(3, seed=5), 16, domain, seed=5) for _ in range(2))
    assert torch.equal(first, second)


def test_another_seed_gives_other_people_and_other_grain():
    ours, theirs = sample_attributes(50, seed=1), sample_attributes(50, seed=2)
    assert all((ours[name] != theirs[name]).any() for name in ATTRIBUTES)
    assert not torch.equal(render(person(), 16, "A", seed=1), render(person(), 16, "A", seed=2))


def test_each_face_has_grain_of_its_own():
    twins = render(person(smile=[0.0, 0.0]), 16, "A")
    assert not torch.equal(twins[0], twins[1])


def test_a_longer_sample_begins_with_the_same_faces():
    few, many = sample_attributes(7, seed=3), sample_attributes(40, seed=3)
    assert all(torch.equal(few[name], many[name][:7]) for name in ATTRIBUTES)


@DOMAINS
@pytest.mark.parametrize("size", [16, 24])
def test_a_face_does_not_depend_on_the_faces_rendered_with_it(domain, size):
    attributes = sample_attributes(19, seed=6)
    together = render(attributes, size, domain, seed=6)
    for start, stop in [(0, 1), (1, 4), (4, 19)]:
        alone = render(piece(attributes, start, stop), size, domain, seed=6, first=start)
        assert torch.equal(alone, together[start:stop])


@DOMAINS
@pytest.mark.parametrize("faces_at_once", [1, 3, 16])
def test_a_face_does_not_depend_on_the_size_of_the_chunks(domain, faces_at_once, monkeypatch):
    attributes = sample_attributes(17, seed=7)
    truth = render(attributes, 16, domain)
    monkeypatch.setattr(synthetic, "PIXELS_AT_ONCE", faces_at_once * 16**2)
    assert torch.equal(render(attributes, 16, domain), truth)


@DOMAINS
def test_rendering_leaves_the_global_random_state_and_the_attributes_alone(domain):
    attributes = sample_attributes(2, seed=8)
    copies, state = {name: values.clone() for name, values in attributes.items()}, torch.get_rng_state()
    render(attributes, 16, domain)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(attributes[name], copies[name]) for name in ATTRIBUTES)


# Pictures


@DOMAINS
@pytest.mark.parametrize("size", [8, 24, 32])
def test_pictures_have_the_size_asked_for_and_values_from_minus_1_to_1(domain, size):
    images = synthetic.render(sample_attributes(5, seed=9), size, domain)
    assert images.shape == (5, 3, size, size)
    assert images.dtype == torch.float32
    assert -1 <= images.min() < -0.5
    assert 0.5 < images.max() <= 1
    assert images.std() > 0.2


@DOMAINS
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_can_be_seen(domain, name):
    low, high = ATTRIBUTES[name].low, ATTRIBUTES[name].high
    if name in ("bg_hue", "shirt_hue"):
        high = 0.5  # once around the circle, the hue is the same again
    assert (change_map(domain, size=32, **{name: (low, high)}) > 0.1).sum() >= 3


@DOMAINS
def test_people_at_the_ends_of_all_ranges_are_pictures(domain):
    ends = [{name: [attribute[i]] for name, attribute in ATTRIBUTES.items()} for i in (0, 1)]
    for extremes in ends:
        images = render(person(**extremes), 32, domain)
        assert images.isfinite().all()
        assert 0 <= images.min() < images.max() <= 1


def test_no_faces_are_no_pictures():
    assert render(piece(person(), 0, 0), 16).shape == (0, 3, 16, 16)


# Attributes change what they name and nothing else; rows count down from the top of a 64-pixel picture.


@DOMAINS
def test_closing_the_mouth_changes_the_mouth_alone(domain):
    changed = change_map(domain, mouth_open=(1, 0))
    assert changed[40:54, 24:40].max() > 0.3
    assert changed[:36].max() == 0
    assert changed[:, :18].max() == 0
    assert changed[:, 46:].max() == 0


@DOMAINS
def test_glasses_change_a_band_across_the_eyes(domain):
    changed = change_map(domain, glasses=(0, 1))
    assert changed[30:38].max() > 0.3
    assert changed[:20].max() == 0
    assert changed[50:].max() == 0


@DOMAINS
def test_baldness_changes_the_skull_and_not_the_mouth(domain):
    changed = change_map(domain, bald=(0, 1))
    assert changed[5:18, 24:40].mean() > 0.1
    assert changed[40:50, 26:38].max() == 0


@DOMAINS
def test_the_hue_of_the_background_leaves_the_person_alone(domain):
    changed = change_map(domain, bg_hue=(0, 0.5))
    corners = changed[[0, 0], [0, -1]]
    assert corners.min() > 0.05
    assert changed[16:44, 20:44].max() == 0


def test_an_attribute_outside_the_face_leaves_the_face_alone():
    changed = change_map("B", shirt_hue=(0, 0.5))
    assert changed[-1, 14:20].min() > 0.3
    assert changed[:48].max() == 0


# Two domains, one person


@pytest.mark.parametrize(("attribute", "axis"), [("yaw", 0), ("pitch", 1), ("roll", 0)])
def test_the_pose_moves_the_eyes_in_the_same_way_in_both_domains(attribute, axis):
    poses = {attribute: torch.linspace(-1, 1, 7).tolist()}
    photo, cartoon = (eye_positions(domain, **poses)[axis] for domain in "AB")
    assert (photo.diff() > 0.005).all()
    assert (cartoon.diff() > 0.005).all()
    assert torch.corrcoef(torch.stack([photo, cartoon]))[0, 1] > 0.99


def test_opposite_poses_move_the_eyes_to_opposite_sides():
    for domain in "AB":
        left, middle, right = eye_positions(domain, yaw=[-0.8, 0.0, 0.8])[0].tolist()
        assert middle == pytest.approx(0.5, abs=0.01)
        assert 0.5 - left == pytest.approx(right - 0.5, abs=0.01)
        assert right - left > 0.1


def test_cartoons_have_dark_outlines_and_photos_do_not():
    # A fair, bald, narrow-eyed person before a pale ground: nothing but outlines and pupils is dark.
    fair = person(bald=1, skin=[0.0, 0.2, 0.4], eye_open=0.35)
    dark = {domain: (render(fair, 64, domain).amax(1) < 0.2).float().mean((1, 2)) for domain in "AB"}
    assert (dark["B"] > 0.04).all()
    assert (dark["A"] < 0.01).all()


def test_cartoons_are_flat_and_photos_are_grainy():
    photo, cartoon = (render(person(bald=1), 64, domain)[0, :, 12:18, 28:36] for domain in "AB")  # a bit of forehead
    assert cartoon.flatten(1).std(1).max() < 1e-6
    assert photo.flatten(1).std(1).min() > 0.01


# Attributes


def test_there_are_26_attributes_in_their_ranges():
    assert len(ATTRIBUTES) == 26
    attributes = sample_attributes(2000, seed=10)
    assert attributes.keys() == ATTRIBUTES.keys()
    for name, (low, high, _, _) in ATTRIBUTES.items():
        values = attributes[name]
        assert values.shape == (2000,)
        assert values.min() >= low, name
        assert values.max() <= high, name
        assert values.max() - values.min() > 0.9 * (high - low), name  # and the range is used


@pytest.mark.parametrize(
    ("share", "happens"),
    [
        (0.30, lambda faces: faces["glasses"] == 1),
        (0.06, lambda faces: faces["bald"] == 1),
        (0.20 * 0.40, lambda faces: faces["beard"] == 1),
        (0.375, lambda faces: faces["mouth_open"] == 0),
        (1 / 3, lambda faces: faces["curl"] == 0),
        (0.40, lambda faces: faces["hair_len"] < 0.5),
        (0.50, lambda faces: faces["yaw"].abs() < 1 - 0.5**0.5),  # a triangle is narrower than a uniform draw
        (0.50, lambda faces: faces["smile"] > 0),
    ],
    ids=["glasses", "bald", "beard", "mouth closed", "straight hair", "short hair", "half the yaws", "half the smiles"],
)
def test_attributes_are_as_frequent_as_stated(share, happens):
    n = 20_000
    sigma = (share * (1 - share) / n) ** 0.5
    assert happens(sample_attributes(n, seed=11)).float().mean() == pytest.approx(share, abs=4 * sigma)


def test_only_short_hair_goes_with_a_beard():
    faces = sample_attributes(5000, seed=12)
    assert faces["hair_len"][faces["beard"] == 1].max() < 0.5


def test_attributes_are_independent_of_each_other():
    faces = sample_attributes(20_000, seed=13)
    names = [name for name in ATTRIBUTES if name not in ("hair_len", "beard")]
    correlation = torch.corrcoef(torch.stack([faces[name] for name in names]))
    assert (correlation - torch.eye(len(names))).abs().max() < 0.035  # 5 sigma


# Wrong arguments


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"domain": "D"}, r"domain='D'"),
        ({"size": 0}, r"size=0"),
        ({"size": -8}, r"size=-8"),
        ({"size": 30}, r"size=30: expected a positive multiple of 8"),
        ({"attributes": person() | {"smiel": torch.zeros(1)}}, r"unknown attribute smiel"),
        ({"attributes": {"yaw": torch.zeros(1)}}, r"missing attribute bald, beard"),
        ({"attributes": person() | {"smile": torch.zeros(2)}}, r"shapes \[\(1,\), \(2,\)\]"),
        ({"attributes": {name: values[:, None] for name, values in person().items()}}, r"shapes \[\(1, 1\)\]"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        render(**({"attributes": person(), "size": 16} | arguments))
    assert "\n" not in str(error.value)


# Plainer cartoons


def test_plain_eyes_are_where_the_others_are_and_the_face_below_them_is_the_same():
    for attribute, axis in [("yaw", 0), ("pitch", 1), ("gaze_x", 0)]:
        poses = {attribute: torch.linspace(-1, 1, 7).tolist()}
        cartoon, plain = (eye_positions(domain, **poses)[axis] for domain in "BC")
        assert torch.corrcoef(torch.stack([cartoon, plain]))[0, 1] > 0.99
    difference = (render(person(bald=1), 64, "B") - render(person(bald=1), 64, "C")).abs().amax((0, 1))
    assert difference[28:40].max() > 0.3
    assert difference[42:].max() == 0


def test_short_hair_of_plain_cartoons_leaves_ears_and_jaw_free_and_long_hair_does_not():
    beside_the_jaw = slice(40, 52)
    for domain, short in [("B", True), ("C", False)]:
        assert (change_map(domain, hair_dark=(0, 1))[beside_the_jaw].max() > 0.1) == short
        assert change_map(domain, hair_dark=(0, 1), hair_len=(1, 1))[beside_the_jaw].max() > 0.1
    ear = 34, 53  # row and column
    assert change_map("C", skin=(0, 1))[ear] > 0.3
    assert change_map("C", skin=(0, 1), hair_len=(1, 1))[ear] == 0


def test_hair_of_plain_cartoons_is_blond_brown_black_or_ginger():
    tops = render(person(hair_dark=[0.1, 0.5, 0.9, 0.5], hair_warm=[0.0, 0.0, 0.0, 1.0]), 64, "C")[:, :, 12, 20]
    lightness = tops.mean(1)
    assert (lightness[:3].diff() < -0.1).all()
    red, green, blue = tops.T
    assert (red >= green).all() and (green[:3] >= 0.99 * blue[:3]).all()
    assert red[3] - green[3] > red[1] - green[1]


# People as in photos


def test_people_as_in_photos_have_dark_hair_and_half_of_them_short_and_more_light_skin_than_dark():
    everybody, people = sample_attributes(4000, seed=1), sample_people(4000, seed=1)
    assert people["skin"].median() == pytest.approx(1 - 0.5**0.5, abs=0.03) and people["smile"].min() > -0.21
    assert (everybody["hair_len"] < 0.5).float().mean() == pytest.approx(0.4, abs=0.03)
    assert (people["hair_len"] < 0.5).float().mean() == pytest.approx(0.5, abs=0.03)
    for skin in (people["skin"] < 0.3, people["skin"] > 0.7):
        assert people["hair_dark"][skin].median() > everybody["hair_dark"][skin].median() + 0.1
    fair = people["hair_dark"] < 0.5
    assert fair[people["skin"] < 0.3].sum() > 2 * fair[people["skin"] > 0.7].sum() > 0
    assert not people["beard"][people["hair_len"] > 0.5].any()
    for name, attribute in ATTRIBUTES.items():
        assert attribute.low <= people[name].min() <= people[name].max() <= attribute.high


def test_a_longer_sample_of_people_begins_with_the_same_faces():
    few, many = sample_people(7, seed=3), sample_people(40, seed=3)
    assert all(torch.equal(few[name], many[name][:7]) for name in ATTRIBUTES)


# Portraits


def test_portraits_narrow_what_they_name_within_its_range_and_keep_the_rest():
    people = sample_attributes(500, seed=3)
    portraits = as_portraits(people)
    assert portraits.keys() == people.keys() and portraits.keys() >= PORTRAIT.keys()
    for name, values in portraits.items():
        low, high = PORTRAIT.get(name, ATTRIBUTES[name][:2])
        assert ATTRIBUTES[name].low <= low <= values.min() and values.max() <= high <= ATTRIBUTES[name].high
        assert torch.equal(values, people[name]) == (name not in PORTRAIT)


def test_eyes_of_portraits_are_nearly_where_ffhq_has_them():
    portraits = {name: values.tolist() for name, values in as_portraits(sample_attributes(40, seed=4)).items()}
    x, y = eye_positions("B", **{name: values for name, values in portraits.items() if name != "iris_hue"})
    assert (x - 0.5).abs().max() < 0.06 and (y - 0.54).abs().max() < 0.06
