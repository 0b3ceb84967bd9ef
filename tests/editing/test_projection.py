"""Projection: a planted latent is found, and nobody's photo changes another's result."""

import math
from pathlib import Path

import pytest
import torch

import checkpoint
from editing import latents, projection
from editing.projection import Schedule, project
from errors import InputError
from tests.networks import tiny_discriminator, tiny_generator
from vision import perceptual

MSE = perceptual.PixelDistance()


@pytest.fixture(scope="module")
def generator():
    return tiny_generator().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def planted(generator):
    """Three people, and their pictures with the stored noise."""
    w = generator.mapping(torch.randn(3, 8, generator=torch.Generator().manual_seed(1)))
    return w, latents.draw(generator, generator.broadcast(w))


@pytest.fixture(scope="module")
def spread(generator):
    return projection.latent_spread(generator)


def found(generator, targets, spread, space="w", **options):
    start = projection.starting_points(generator.broadcast(generator.w_avg[None]), space)
    options = {"schedule": Schedule(steps=20), **options}
    return project(generator, MSE, targets, start.expand(len(targets), *start.shape[1:]), spread=spread, **options)


def equal(one, other):
    same = torch.equal(one.latent, other.latent) and torch.equal(one.distances, other.distances)
    return same and all(torch.equal(*layers) for layers in zip(one.noise or [], other.noise or [], strict=True))


@pytest.mark.parametrize("fixed_noise", [False, True])
@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_planted_person_is_found(generator, planted, spread, space, fixed_noise):
    _, targets = planted
    schedule = Schedule(steps=150)
    result = found(generator, targets[:1], spread, space, fixed_noise=fixed_noise, schedule=schedule, snapshots=[0, 150])
    before, after = ((result.snapshots[step] - targets[:1]).square().mean() for step in (0, 150))
    assert after < before / 20
    assert result.latent.shape == ((1, 8) if space == "w" else (1, generator.n_latent, 8))
    drawn = latents.draw(generator, generator.broadcast(result.latent), noise=result.noise)
    assert torch.equal(drawn, result.snapshots[150])  # what is kept is what is shown


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_photo_gives_the_same_alone_and_in_company(generator, planted, spread, space):
    _, targets = planted
    together = found(generator, targets, spread, space)
    for i in range(3):
        alone = found(generator, targets[i : i + 1], spread, space)
        # Sums of another batch may be rounded otherwise, and Adam amplifies that.
        torch.testing.assert_close(together.latent[i : i + 1], alone.latent, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(together.distances[:, i : i + 1], alone.distances, atol=1e-4, rtol=1e-3)
        for layer, own in zip(together.noise, alone.noise, strict=True):
            torch.testing.assert_close(layer[i : i + 1], own, atol=1e-2, rtol=1e-2)


def test_a_seeded_run_repeats_whatever_the_global_random_state(generator, planted, spread):
    _, targets = planted
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        results.append(found(generator, targets[:1], spread, seed=7))
    assert equal(*results)
    assert not equal(results[0], found(generator, targets[:1], spread, seed=8))


def test_the_generator_is_left_as_it_was(generator, planted, spread):
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    found(generator, planted[1][:1], spread)
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_fixed_noise_stays_and_searched_noise_is_normal_for_each_photo(generator, planted, spread):
    assert found(generator, planted[1], spread, fixed_noise=True).noise is None
    own = [layer.expand(3, -1, -1, -1) + 1 for layer in generator.stored_noise()]
    kept = found(generator, planted[1], spread, fixed_noise=True, noise=own).noise
    assert all(torch.equal(*layers) for layers in zip(kept, own, strict=True))
    for layer in found(generator, planted[1], spread).noise:
        torch.testing.assert_close(layer.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(layer.std((1, 2, 3)), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_any_number_of_steps_works(generator, planted, spread, steps):
    result = found(generator, planted[1][:2], spread, schedule=Schedule(steps=steps), snapshots=range(steps + 1))
    assert result.distances.shape == result.mse.shape == (steps, 2)
    assert sorted(result.snapshots) == list(range(steps + 1))
    assert result.latent.isfinite().all()


def test_the_bar_hears_of_every_step(generator, planted, spread):
    heard = []
    found(generator, planted[1][:1], spread, stepped=lambda loss, noise: heard.append((loss, noise)))
    assert len(heard) == 20 and all(math.isfinite(loss) and noise > 0 for loss, noise in heard)
    heard.clear()
    found(generator, planted[1][:1], spread, fixed_noise=True, stepped=lambda loss, noise: heard.append(noise))
    assert heard == [0.0] * 20


def test_pixels_can_be_added_to_any_distance(generator, planted, spread):
    losses = []
    options = {"schedule": Schedule(steps=5, mse=3.0), "stepped": lambda loss, noise: losses.append(loss)}
    result = found(generator, planted[1][:1], spread, **options)
    torch.testing.assert_close(torch.tensor(losses), (result.distances + 3 * result.mse).flatten())


def test_pictures_in_the_noise_cost_by_their_weight(generator, planted, spread):
    """The share of the loss grows with the weight, and the noise that is found is whiter."""
    left, said, weights = [], [], (0.0, 1.0, 1e3, 1e6)
    for weight in weights:
        options = {"schedule": Schedule(steps=30, noise_regularize=weight), "stepped": lambda loss, noise: said.append(noise)}
        left.append(projection.noise_regularizer(found(generator, planted[1][:1], spread, **options).noise))
    stored = projection.noise_regularizer(generator.stored_noise()).item()
    assert said[::30] == pytest.approx([weight * stored for weight in weights], rel=1e-4)
    assert left[-1] < left[0] / 10


@pytest.mark.parametrize("fixed_noise", [False, True])
def test_a_search_in_bf16_finds_about_the_same_and_draws_it_in_the_type_of_the_network(generator, planted, spread, fixed_noise):
    _, targets = planted
    distance = perceptual.DiscriminatorDistance(tiny_discriminator().requires_grad_(False))
    start = generator.w_avg.expand(1, -1)
    options = {"spread": spread, "fixed_noise": fixed_noise, "schedule": Schedule(steps=60), "snapshots": [0, 60]}
    ours, half = (project(generator, distance, targets[:1], start, dtype=dtype, **options) for dtype in (None, torch.bfloat16))
    assert not torch.equal(ours.latent, half.latent) and half.latent.dtype == half.distances.dtype == torch.float32
    assert generator.compute_dtype is distance.discriminator.compute_dtype is None
    assert torch.equal(ours.snapshots[0], half.snapshots[0])
    assert torch.equal(half.snapshots[60], latents.draw(generator, generator.broadcast(half.latent), noise=half.noise))
    before, exact, found = (
        distance(images, targets[:1]).item() for images in (ours.snapshots[0], ours.snapshots[60], half.snapshots[60])
    )
    assert found - exact < 0.1 * (before - exact)


def test_w_plus_is_held_near_w_by_its_weight(generator, planted, spread):
    offsets = []
    for weight in (0.0, 1.0, 1e4):
        schedule = Schedule(steps=40, wplus_reg=weight)
        offsets.append(projection.offset_penalty(found(generator, planted[1], spread, "w+", schedule=schedule).latent))
    assert (offsets[0] > 2 * offsets[1]).all() and (offsets[1] > 2 * offsets[2]).all()
    assert (projection.offset_penalty(generator.broadcast(planted[0])) < 1e-10).all()
    in_w = [found(generator, planted[1], spread, "w", schedule=Schedule(20, wplus_reg=weight)) for weight in (0.0, 5.0)]
    assert equal(*in_w)


def test_a_person_of_the_shipped_network_is_found_in_200_steps():
    source = checkpoint.read(Path(__file__).parents[2] / "demo" / "source64.pt").generator()
    w = source.mapping(torch.randn(1, source.style_dim, generator=torch.Generator().manual_seed(1)))
    target = latents.draw(source, source.broadcast(w))
    options = {"fixed_noise": True, "schedule": Schedule(steps=200), "snapshots": [0, 200]}
    snapshots = found(source, target, projection.latent_spread(source), **options).snapshots
    start, final = ((snapshots[step] - target).square().mean().item() for step in (0, 200))
    assert final < start / 50
    assert projection.psnr(final) > 30


@pytest.mark.parametrize("wrong", [{"lr": 1e30}, {"noise": 1e38}], ids=str)
def test_a_search_that_diverges_says_so(generator, planted, spread, wrong):
    with pytest.raises(InputError, match=r"the loss is (nan|inf) at step \d; search with a lower learning rate"):
        found(generator, planted[1][:1], spread, "w", schedule=Schedule(steps=5, **wrong))


def test_a_ramp_of_no_time_is_none():
    schedule = Schedule(steps=10, lr_rampup=0, lr_rampdown=0, noise_ramp=0)
    assert {schedule.learning_rate(step) for step in range(10)} == {0.1}
    assert {schedule.jitter(step) for step in range(10)} == {0.0}


def test_the_spread_is_that_of_many_w_and_the_same_at_every_call(generator, spread):
    assert spread == projection.latent_spread(generator)
    w = generator.mapping(torch.randn(100_000, 8, generator=torch.Generator().manual_seed(5)))
    assert abs(spread / (w - w.mean(0)).square().sum(1).mean().sqrt().item() - 1) < 0.05


class TestStartingPoints:
    @pytest.mark.parametrize("space, shape", [("w", (2, 8)), ("w+", (2, 6, 8))])
    @pytest.mark.parametrize("photos", [2, 5])
    def test_latents_are_one_for_all_or_one_for_each(self, planted, generator, space, shape, photos):
        w_plus = generator.broadcast(planted[0][:2])
        if photos == 2:
            assert torch.equal(projection.starting_points(w_plus, space, 2), planted[0][:2] if space == "w" else w_plus)
            assert projection.starting_points(w_plus, space, 2).shape == shape
        else:
            with pytest.raises(InputError, match="holds 2 latents, for 5 photos"):
                projection.starting_points(w_plus, space, photos)
            assert len(projection.starting_points(w_plus[:1], space, photos)) == 1

    def test_layers_of_their_own_do_not_fit_w(self):
        different = torch.arange(6.0).view(1, 6, 1).expand(1, 6, 8)
        with pytest.raises(InputError, match=r"the space w\+"):
            projection.starting_points(different, "w")
        assert torch.equal(projection.starting_points(different, "w+"), different)


class TestFind:
    """Many photos are found as `project` finds each."""

    @pytest.mark.parametrize("space", ["w", "w+"])
    def test_each_photo_is_found_from_the_mean_as_alone(self, generator, planted, spread, space):
        options = {"fixed_noise": True, "seed": 3}
        several = [*projection.find(generator, MSE, planted[1], space, Schedule(20), **options)]
        assert len(several) == 3
        for one, target in zip(several, planted[1], strict=True):
            assert equal(one, found(generator, target[None], spread, space, **options))

    @pytest.mark.parametrize("batch", [1, 2, 5])
    def test_batches_begin_with_their_own_latents_and_noise(self, generator, planted, batch):
        """The first of Adam's steps has no length, so that one step changes nothing."""
        noise = [torch.randn(3, *layer.shape[1:]) for layer in generator.stored_noise()]
        options = {"start": planted[0], "noise": noise, "fixed_noise": True, "batch": batch}
        some = [*projection.find(generator, MSE, iter(planted[1]), "w", Schedule(1), **options)]
        assert [len(one.latent) for one in some] == {1: [1, 1, 1], 2: [2, 1], 5: [3]}[batch]
        together = projection.joined(some)
        assert torch.equal(together.latent, planted[0])
        assert all(torch.equal(*layers) for layers in zip(together.noise, noise, strict=True))

    def test_photos_are_read_when_their_turn_comes(self, generator, planted):
        read = []
        search = projection.find(generator, MSE, (read.append(i) or one for i, one in enumerate(planted[1])), "w", Schedule(1))
        assert read == []
        next(search)
        assert read == [0]

    def test_a_mean_that_does_not_fit_is_refused_before_a_photo_is_read(self):
        generator = tiny_generator()
        generator.w_avg = torch.arange(6.0).view(6, 1).expand(6, 8)
        with pytest.raises(InputError, match=r"the space w\+"):
            projection.find(generator, MSE, [], "w")


@pytest.mark.parametrize("fixed_noise", [False, True])
def test_what_was_found_is_taken_apart_kept_and_joined_again(generator, planted, spread, tmp_path, fixed_noise):
    whole = found(generator, planted[1], spread, fixed_noise=fixed_noise, snapshots=[0, 20])
    for i, one in enumerate(whole.each()):
        one.save(tmp_path / f"{i}.pt")
    again = projection.joined([projection.load(tmp_path / f"{i}.pt") for i in range(3)])
    assert equal(again, whole) and torch.equal(again.mse, whole.mse) and (again.noise is None) == fixed_noise
    assert again.snapshots.keys() == whole.snapshots.keys()
    assert all(torch.equal(again.snapshots[step], whole.snapshots[step]) for step in (0, 20))


@pytest.mark.parametrize("contents", [b"", b"half", None])
def test_a_file_that_is_no_projection_is_known(tmp_path, contents):
    if contents is None:
        latents.save_latents(tmp_path / "a.pt", torch.zeros(1, 8), space="w", names=["a"])
    else:
        (tmp_path / "a.pt").write_bytes(contents)
    assert not projection.is_whole(tmp_path / "a.pt") and not projection.is_whole(tmp_path / "b.pt")


class TestNoise:
    def test_random_noise_costs_little_and_pictures_much(self, generator):
        noise = generator.make_noise(4, torch.Generator().manual_seed(0))
        smooth = [torch.nn.functional.avg_pool2d(layer, 3, 1, 1) for layer in noise]
        projection.normalize_noise(smooth)
        assert (projection.noise_regularizer(noise) * 10 < projection.noise_regularizer(smooth)).all()

    def test_each_photo_pays_for_its_own(self, generator):
        noise = generator.make_noise(3, torch.Generator().manual_seed(0))
        alone = [projection.noise_regularizer([layer[i : i + 1] for layer in noise]) for i in range(3)]
        torch.testing.assert_close(projection.noise_regularizer(noise), torch.cat(alone))

    def test_a_flat_map_correlates_with_itself_at_every_scale(self):
        assert torch.equal(projection.noise_correlations([torch.ones(2, 1, 32, 32)]), torch.ones(2, 6))  # 32, 16 and 8 px

    def test_maps_of_all_sizes_together_are_the_terms_of_each(self, generator):
        noise = [layer + 0.1 for layer in generator.make_noise(2, torch.Generator().manual_seed(0))]
        alone = torch.cat([projection.noise_correlations([layer]) for layer in noise], 1)
        together = projection.noise_correlations(noise)
        torch.testing.assert_close(together.sort(1)[0], alone.sort(1)[0], atol=1e-6, rtol=1e-5)

    def test_normalizing_twice_changes_nothing_more(self, generator):
        noise = [3 * layer + 2 for layer in generator.make_noise(2, torch.Generator().manual_seed(0))]
        projection.normalize_noise(noise)
        once = [layer.clone() for layer in noise]
        projection.normalize_noise(noise)
        for layer, before in zip(noise, once):
            torch.testing.assert_close(layer, before, atol=1e-5, rtol=1e-5)
