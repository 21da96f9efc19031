"""Two networks, one of which learns a distribution from a critic whose gradients are kept near length 1.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.randn(n, m)`: `Tensor(rng.normal(size=(n, m)), dtype=np.float32)`.
- `torch.rand`, `torch.ones`, `torch.tensor`: `Tensor(rng.random(...), dtype=np.float32)` and so on.
- `torch.mean`: `np.mean`.
- `torch.optim.Adam`: `nn.optim.Adam`.
- `t.view(...)`, `t.size(0)`: `t.reshape(...)`, `t.shape[0]`, as of arrays.
- `t = (...).requires_grad_(True)`: `t = ...` and `t.requires_grad = True`.
- `autograd.grad(..., only_inputs=True)`: `autograd_np.gradients(...)`, which has no other way.
- `t.norm(2, dim=1)`: `np.linalg.norm(t, 2, axis=1)`.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
- `t.cpu()`: `t`.
"""

import numpy as np

import autograd_np
import nn
from autograd_np import Tensor, no_grad

latent_dim = 2
lambda_gp = 1.0
n_critic = 3


class Generator(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(latent_dim, 32, rng=rng),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, 2, rng=rng),
        )

    def forward(self, z):
        return self.model(z)


class Discriminator(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(2, 32, rng=rng),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, 32, rng=rng),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, 1, rng=rng),
        )

    def forward(self, x):
        return self.model(x)


def compute_gradient_penalty(D, real_samples, fake_samples, rng):
    """Calculates the gradient penalty loss for WGAN GP"""
    # Random weight term for interpolation between real and fake samples
    alpha = Tensor(rng.random((real_samples.shape[0], 1)), dtype=np.float32)
    # Get random interpolation between real and fake samples
    interpolates = alpha * real_samples + ((1 - alpha) * fake_samples)
    interpolates.requires_grad = True
    d_interpolates = D(interpolates)
    fake = Tensor(np.ones((real_samples.shape[0], 1)), dtype=np.float32)
    # Get gradient w.r.t. interpolates
    gradients = autograd_np.gradients(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=fake,
        create_graph=True,
        retain_graph=True,
    )[0]
    gradients = gradients.reshape(gradients.shape[0], -1)
    return ((np.linalg.norm(gradients, 2, axis=1) - 1) ** 2).mean()


def real_batch(n, rng):
    return Tensor(rng.normal(size=(n, 2)), dtype=np.float32) * 0.3 + Tensor([2.0, -1.0], dtype=np.float32)


def main(n_iterations=300, batch_size=64):
    rng = np.random.default_rng(0)
    generator = Generator(rng)
    discriminator = Discriminator(rng)
    optimizer_G = nn.optim.Adam(generator.parameters(), lr=5e-3, betas=(0.5, 0.9))
    optimizer_D = nn.optim.Adam(discriminator.parameters(), lr=5e-3, betas=(0.5, 0.9))
    penalties = []
    for i in range(n_iterations):
        real_imgs = real_batch(batch_size, rng)
        # Train Discriminator
        optimizer_D.zero_grad()
        z = Tensor(rng.normal(size=(batch_size, latent_dim)), dtype=np.float32)
        fake_imgs = generator(z)
        real_validity = discriminator(real_imgs)
        fake_validity = discriminator(fake_imgs)
        gradient_penalty = compute_gradient_penalty(discriminator, real_imgs.data, fake_imgs.data, rng)
        d_loss = -np.mean(real_validity) + np.mean(fake_validity) + lambda_gp * gradient_penalty
        d_loss.backward()
        optimizer_D.step()
        penalties.append(gradient_penalty.item())
        # Train the generator every n_critic steps
        if i % n_critic == 0:
            optimizer_G.zero_grad()
            fake_imgs = generator(z)
            fake_validity = discriminator(fake_imgs)
            g_loss = -np.mean(fake_validity)
            g_loss.backward()
            optimizer_G.step()
        if i % 100 == 0:
            print(f"[{i}/{n_iterations}] [D loss: {d_loss.item():f}] [G loss: {g_loss.item():f}]")
    with no_grad():
        samples = generator(Tensor(rng.normal(size=(500, latent_dim)), dtype=np.float32))
    return penalties, samples.detach().numpy()


if __name__ == "__main__":
    penalties, samples = main()
    print(penalties[0], np.mean(penalties[-50:]), samples.mean(0), samples.std(0))
