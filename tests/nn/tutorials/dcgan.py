"""Two convolutional networks, one of which learns to draw digits that the other takes for real.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to what draws. Layers need none here, since
  `weights_init` draws their weights anew.
- `nn.init.normal_(m.weight.data, ...)`: `nn.init.normal_(m.weight, ..., rng)`. An array would be written to without the
  tape's knowledge, and is refused.
- `torch.device`, `.to(device)`: nothing, since everything is computed on the CPU.
- `torch.tensor(a, dtype=torch.float32)`: `Tensor(a, dtype=np.float32)`.
- `t.unsqueeze(1)`: `np.expand_dims(t, 1)`.
- `torch.randn(n, m)`: `Tensor(rng.normal(size=(n, m)), dtype=np.float32)`.
- `torch.full(shape, value)`: `Tensor(np.full(shape, value), dtype=np.float32)`.
- `label.fill_(value)`: `label[...] = value`.
- `t.view(...)`, `t.size(0)`: `t.reshape(...)`, `t.shape[0]`, as of arrays.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
- `t.cpu()`: `t`.
"""

import numpy as np
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor, no_grad
from nn import optim
from nn.data import DataLoader

nz = 16  # size of the latent vector
ngf = 8  # size of feature maps in the generator
ndf = 8  # size of feature maps in the discriminator


# custom weights initialization called on netG and netD
def weights_init(m, rng):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight, 0.0, 0.02, rng)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight, 1.0, 0.02, rng)
        nn.init.constant_(m.bias, 0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            # input is Z, going into a convolution
            nn.ConvTranspose2d(nz, ngf * 2, 2, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            # state size. (ngf*2) x 2 x 2
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            # state size. (ngf) x 4 x 4
            nn.ConvTranspose2d(ngf, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
            # state size. 1 x 8 x 8
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            # input is 1 x 8 x 8
            nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            # state size. (ndf) x 4 x 4
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            # state size. (ndf*2) x 2 x 2
            nn.Conv2d(ndf * 2, 1, 2, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input)


def main(num_epochs=8, batch_size=64):
    rng = np.random.default_rng(999)
    images = np.expand_dims(Tensor(load_digits().images / 8 - 1, dtype=np.float32), 1)
    dataloader = DataLoader(images, batch_size=batch_size, shuffle=True, drop_last=True, rng=rng)

    netG = Generator()
    netG.apply(lambda m: weights_init(m, rng))
    netD = Discriminator()
    netD.apply(lambda m: weights_init(m, rng))

    criterion = nn.BCELoss()
    fixed_noise = Tensor(rng.normal(size=(64, nz, 1, 1)), dtype=np.float32)
    real_label = 1.0
    fake_label = 0.0
    optimizerD = optim.Adam(netD.parameters(), lr=0.005, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=0.005, betas=(0.5, 0.999))

    G_losses = []
    D_losses = []
    scores = []
    for epoch in range(num_epochs):
        for i, data in enumerate(dataloader, 0):
            # (1) Update D network: maximize log(D(x)) + log(1 - D(G(z)))
            netD.zero_grad()
            real_cpu = data
            b_size = real_cpu.shape[0]
            label = Tensor(np.full((b_size,), real_label), dtype=np.float32)
            output = netD(real_cpu).reshape(-1)
            errD_real = criterion(output, label)
            errD_real.backward()
            D_x = output.mean().item()

            noise = Tensor(rng.normal(size=(b_size, nz, 1, 1)), dtype=np.float32)
            fake = netG(noise)
            label[...] = fake_label
            output = netD(fake.detach()).reshape(-1)
            errD_fake = criterion(output, label)
            errD_fake.backward()
            D_G_z1 = output.mean().item()
            errD = errD_real + errD_fake
            optimizerD.step()

            # (2) Update G network: maximize log(D(G(z)))
            netG.zero_grad()
            label[...] = real_label  # fake labels are real for generator cost
            output = netD(fake).reshape(-1)
            errG = criterion(output, label)
            errG.backward()
            D_G_z2 = output.mean().item()
            optimizerG.step()

            if i % 10 == 0:
                print(
                    f"[{epoch}/{num_epochs}][{i}/{len(dataloader)}]\tLoss_D: {errD.item():.4f}\tLoss_G: "
                    f"{errG.item():.4f}\tD(x): {D_x:.4f}\tD(G(z)): {D_G_z1:.4f} / {D_G_z2:.4f}"
                )
            G_losses.append(errG.item())
            D_losses.append(errD.item())
            scores.append((D_x, D_G_z1))

    with no_grad():
        fake = netG(fixed_noise).detach()
    return G_losses, D_losses, scores, fake.numpy(), images.numpy()


if __name__ == "__main__":
    G, D, scores, fake, images = main()
    print(G[-1], D[-1], scores[0], scores[-1], fake.mean((0, 1)).round(1), images.mean((0, 1)).round(1), sep="\n")
