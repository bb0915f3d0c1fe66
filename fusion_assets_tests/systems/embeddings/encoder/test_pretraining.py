"""The training of an encoder: what comes of it, that it survives kills bit for bit, and what is refused."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.learning.training import State
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.encoder.pairs import Pairs
from fusion_assets.systems.embeddings.encoder.pretexts import PRETEXTS, vicreg
from fusion_assets.systems.embeddings.encoder.pretraining import Preset, pretrain, require_telling
from fusion_assets.systems.embeddings.encoder.trained import untrained
from fusion_assets.systems.embeddings.evidence.retrieval import ranks
from fusion_assets_tests.systems.embeddings.world import BANDS, DESIGN, world

PRESET = Preset(steps=9, batch=16)
LEARNT = np.arange(48)


class Killed(BaseException):
    """The process ends here."""


class Watched:
    """A source that kills its reader at a reading."""

    def __init__(self, pairs, killed_at=None):
        self.pairs, self.place, self.bands = pairs, pairs.place, pairs.bands
        self.killed_at, self.read, self.rows = killed_at, 0, []

    def batch(self, rows):
        self.read += 1
        self.rows.append(rows)
        if self.read == self.killed_at:
            raise Killed
        return self.pairs.batch(rows)


def test_a_killed_training_ends_bit_for_bit_as_one_that_was_not(tmp_path):
    pairs, _ = world()
    whole, history = pretrain(pairs, LEARNT, DESIGN, PRESET, 1)
    assert len(history) == 3
    state = State(Storage(tmp_path), f"{tmp_path}/state.npz", "key")
    with pytest.raises(Killed):
        pretrain(Watched(pairs, killed_at=7), LEARNT, DESIGN, PRESET, 1, state)  # in the second pass
    source = Watched(pairs)
    again, told = pretrain(source, LEARNT, DESIGN, PRESET, 1, state)
    assert told == history and again.digest == whole.digest
    assert np.isin(np.concatenate(source.rows), LEARNT).all()


@pytest.mark.parametrize("pretext", PRETEXTS)
def test_radar_comes_to_find_its_partner_among_places_not_learnt_from(pretext):
    pairs, _ = world(160)
    learnt, tested = np.arange(112), np.arange(112, 160)

    def median_rank(encoder):
        radar, optics = (encoder.embedded(pairs, tested, use) for use in ("radar", "optics"))
        return np.median(ranks(radar, optics))

    trained, history = pretrain(pairs, learnt, DESIGN, Preset(pretext, steps=60, batch=56, rate=5e-3), 0)
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    if pretext == "vicreg":
        assert median_rank(trained) < 0.5 * median_rank(untrained(DESIGN, pairs, learnt, 0))


def test_other_bands_are_refused():
    pairs, _ = world()
    encoder = untrained(DESIGN, pairs, LEARNT, 0)
    with pytest.raises(FusionError, match="B02, B08, B04"):
        encoder.embedded(Pairs(pairs.optics, pairs.radar, pairs.place, ("B02", "B08", "B04")), LEARNT)


def test_unknown_pixels_are_as_the_rest_of_their_patch_and_whole_patches_are_refused():
    pairs, _ = world()
    encoder = untrained(DESIGN, pairs, LEARNT, 0)
    optics, radar = pairs.optics.copy(), pairs.radar.copy()
    optics[3, :, :, 0] = 0.25
    known = Pairs(optics, radar, pairs.place, BANDS)
    holes = Pairs(optics.copy(), radar.copy(), pairs.place, BANDS)
    holes.optics[3, :4, :4, 0] = np.nan
    rows = np.array([3])
    assert np.allclose(encoder.embedded(holes, rows), encoder.embedded(known, rows), atol=1e-6)
    holes.radar[3, :, :, 1] = np.nan
    with pytest.raises(FusionError, match="band without data"):
        encoder.embedded(holes, rows)
    assert np.isfinite(encoder.embedded(holes, rows, "optics")).all()


def test_too_few_places_and_pairs_that_are_none_are_refused():
    pairs, _ = world()
    with pytest.raises(FusionError, match="15 places"):
        pretrain(pairs, np.arange(15), DESIGN, PRESET, 0)
    with pytest.raises(FusionError, match="radar of shape"):
        Pairs(pairs.optics, pairs.radar[:, 1:], pairs.place, BANDS)


def test_places_that_are_all_alike_are_refused():
    pairs, _ = world(20)
    same = Pairs(np.full_like(pairs.optics, 0.2), np.full_like(pairs.radar, -12.0), pairs.place, BANDS)
    rows = np.arange(20)
    require_telling(untrained(DESIGN, pairs, rows, 0), pairs, rows, [1.0])
    with pytest.raises(FusionError, match=r"1\.0000 as mean cosine"):
        require_telling(untrained(DESIGN, same, rows, 0), same, rows, [1.0])
    with pytest.raises(FusionError, match="no number"):
        require_telling(untrained(DESIGN, pairs, rows, 0), pairs, rows, [1.0, np.nan])


def test_vicreg_of_numbers_worked_out_by_hand():
    """Two places, three views alike, a number that varies enough and one that never does: that one costs."""
    views = np.array([[-1, 3], [1, 3]] * 3, "f4")
    assert float(vicreg(views)) == pytest.approx(25 * (1 - np.sqrt(1e-4)) / 2, rel=1e-4)
    apart = views.copy()
    apart[:2, 1] = 0  # the first view of both places moves away from the others: two of three pairs, one of two numbers
    assert float(vicreg(apart)) == pytest.approx(float(vicreg(views)) + 25 * 9 * 2 / 3 / 2, rel=1e-4)
