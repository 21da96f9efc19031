"""Programs as PyTorch's tutorials have them; each says what had to change besides imports, and learns as it does there.

What is held is what a program is for: that its loss falls, that it tells digits apart, that what it draws or writes
looks like what it has seen, that a training goes on from a file with the same losses. Those that train by plain steps
are compiled as well, with the same losses to the last bit.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor
from autograd_np.compiling import Uncapturable
from nn import functional as F
from nn import optim
from nn.data import DataLoader
from tests.nn.tutorials import (
    autoencoder,
    char_lstm,
    dcgan,
    digits_cnn,
    finetuning,
    gpt,
    reinforce,
    resuming,
    vae,
    wgan_gp,
)


def known(text: str, seen: str, length: int = 4) -> float:
    """Return which part of the pieces of a text stands in what was seen."""
    pieces = [text[i : i + length] for i in range(len(text) - length + 1)]
    return float(np.mean([piece in seen for piece in pieces]))


def test_digits_cnn_tells_digits_apart() -> None:
    loss, accuracy, rates = digits_cnn.main()
    assert loss < 0.7
    assert accuracy > 0.82
    np.testing.assert_allclose(rates, [0.01 * 0.9**5])


def test_autoencoder_gives_pictures_back_from_six_numbers() -> None:
    losses, codes = autoencoder.main()
    assert losses[0] > 0.15
    assert np.mean(losses[-29:]) < 0.045
    assert codes.shape == (1797, 6)


def test_vae_draws_pictures() -> None:
    losses, test_loss, sample = vae.main()
    assert losses[0] > 30
    assert losses[-1] < 25.5
    assert test_loss < 26
    assert sample.shape == (16, 8, 8)
    assert ((sample > 0) & (sample < 1)).all()
    seen = load_digits().images / 16
    assert np.abs(sample.mean(0) - seen.mean(0)).mean() < 0.1


def test_dcgan_draws_digits_that_are_taken_for_real() -> None:
    losses_g, losses_d, scores, fake, images = dcgan.main()
    assert np.isfinite([losses_g, losses_d]).all()
    assert fake.shape == (64, 1, 8, 8)
    assert np.corrcoef(fake.mean(0).ravel(), images.mean(0).ravel())[0, 1] > 0.6
    told_apart = [on_real - on_fake for on_real, on_fake in scores]
    assert max(told_apart) > 0.5  # once they were ...
    assert np.mean(told_apart[-20:]) < 0.4  # ... and then hardly any longer


def test_char_lstm_writes_the_text() -> None:
    losses, norms, text = char_lstm.main()
    assert losses[0] > 3
    assert losses[-1] < 0.15
    assert max(norms) > 1  # so that some were clipped
    assert text.startswith("the")
    assert len(text) == 64
    assert known(text, char_lstm.TEXT) > 0.6


def test_gpt_writes_the_sentence() -> None:
    losses, text = gpt.main()
    assert losses[0] > 2
    assert losses[-1] < 0.3
    assert len(text) == 61
    assert known(text, gpt.TEXT) > 0.6


def test_reinforce_walks_to_the_end() -> None:
    rewards = reinforce.main()
    assert np.mean(rewards[:20]) < 0.2
    assert np.mean(rewards[-20:]) > 0.4  # 0.6 is the way without a step back


def test_finetuning_learns_new_digits_by_the_head_alone() -> None:
    old_accuracy, new_accuracy, before, after = finetuning.main()
    assert old_accuracy > 0.9
    assert new_accuracy > 0.8
    names = [name for name in before if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    changed = {name for name in names if not np.array_equal(before[name], after[name])}
    assert changed == {"fc.weight", "fc.bias"}
    assert len(names) == 10


def test_wgan_gp_draws_from_the_distribution() -> None:
    penalties, samples = wgan_gp.main()
    assert penalties[0] > 0.5
    assert np.mean(penalties[-50:]) < 0.1
    np.testing.assert_allclose(samples.mean(0), [2, -1], atol=0.5)


def test_resumed_training_goes_on_with_the_same_losses() -> None:
    unbroken, resumed, rates = resuming.main()
    assert resumed == unbroken
    assert unbroken[-1] < 0.4 < 1 < unbroken[0]
    np.testing.assert_allclose(rates, [0.02 * 0.8**4])


# -- compiled ---------------------------------------------------------------------------------------------------------


class Training(NamedTuple):
    """What a program trains with: made anew, it takes the same steps."""

    model: Any
    loss: Callable[[Any, Any], Any]
    optimizer: optim.Optimizer
    batches: Iterable[tuple[Any, Any]]


def _digits_cnn() -> Training:
    rng = np.random.default_rng(0)
    batches, _ = digits_cnn.loaders(rng)
    model = digits_cnn.Net(rng)
    return Training(model, F.nll_loss, optim.Adam(model.parameters(), lr=1e-2), batches)


def _pictures(rng: np.random.Generator) -> list[tuple[Any, Any]]:
    images = load_digits().images.reshape(-1, 64) / 16
    loader = DataLoader(Tensor(images, dtype=np.float32), batch_size=64, shuffle=True, rng=rng)
    return [(batch, batch) for batch in loader]


def _autoencoder() -> Training:
    rng = np.random.default_rng(0)
    model = autoencoder.Autoencoder(rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-5)
    return Training(model, nn.MSELoss(), optimizer, _pictures(rng))


class NoiseGiven(vae.VAE):
    """What draws in its `forward` is not compiled; here the noise comes with the batch."""

    def forward(self, x: Any) -> Any:
        images, noise = x
        mu, logvar = self.encode(images)
        return self.decode(mu + noise * np.exp(0.5 * logvar)), mu, logvar


def _vae_loss(outputs: Any, x: Any) -> Any:
    reconstruction, mu, logvar = outputs
    return vae.loss_function(reconstruction, x, mu, logvar)


def _vae() -> Training:
    rng = np.random.default_rng(1)
    model = NoiseGiven(rng)
    batches = [((x, rng.normal(size=(len(x), 4)).astype(np.float32)), x) for x, _ in _pictures(rng)]
    return Training(model, _vae_loss, optim.Adam(model.parameters(), lr=5e-3), batches)


class Clipping(optim.AdamW):
    """What a loop does between `backward` and `step` is the optimiser's part in a compiled step."""

    def step(self) -> None:
        nn.utils.clip_grad_norm_([parameter for group in self.param_groups for parameter in group["params"]], 1.0)
        super().step()


def _gpt() -> Training:
    rng = np.random.default_rng(1337)
    data = Tensor([gpt.stoi[c] for c in gpt.TEXT], dtype=np.int64)
    model = gpt.GPT(len(gpt.chars), 16, rng, dropout=0.1)
    groups = model.configure_optimizers(weight_decay=0.1, learning_rate=1e-2, betas=(0.9, 0.95)).param_groups

    def loss(outputs: Any, y: Any) -> Any:
        logits, _ = outputs
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1), ignore_index=-1)

    return Training(model, loss, Clipping(groups), [gpt.get_batch(data, 16, 12, rng) for _ in range(8)])


def _finetuning() -> Training:
    rng = np.random.default_rng(0)
    digits = load_digits()
    images = np.expand_dims(Tensor(digits.images / 16, dtype=np.float32), 1)
    batches = finetuning.loaders(images, Tensor(digits.target), 1000, rng)["train"]
    model = finetuning.Backbone(6, rng)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 10, rng=rng)
    trained = filter(lambda p: p.requires_grad, model.parameters())
    return Training(model, nn.CrossEntropyLoss(), optim.SGD(trained, lr=0.05, momentum=0.9), batches)


def _resuming() -> Training:
    model, optimizer, _ = resuming.make(np.random.default_rng(0))
    return Training(model, nn.MSELoss(), optimizer, [resuming.batch(i) for i in range(8)])


@pytest.mark.parametrize("make", [_digits_cnn, _autoencoder, _vae, _gpt, _finetuning, _resuming])
def test_compiled_steps_have_the_same_losses(make: Callable[[], Training]) -> None:
    model, criterion, optimizer, batches = make()
    eager: list[float] = []
    for x, y in islice(batches, 8):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        eager.append(loss.item())
    model, criterion, optimizer, batches = make()
    step = nn.compile_step(model, criterion, optimizer)
    assert [step(x, y).item() for x, y in islice(batches, 8)] == eager
    assert step.programs == 1


def test_what_draws_in_its_forward_is_not_compiled() -> None:
    rng = np.random.default_rng(1)
    model = vae.VAE(rng)
    step = nn.compile_step(model, _vae_loss, optim.Adam(model.parameters(), lr=5e-3))
    before = model.state_dict()
    x, y = _pictures(rng)[0]
    with pytest.raises(Uncapturable, match=r"numbers are drawn at random, .*; draw them outside, and hand them over"):
        step(x, y)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
