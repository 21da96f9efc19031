"""A recurrent network that writes text letter by letter, with a state that is carried from batch to batch.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.tensor(a, dtype=torch.long)`: `Tensor(a, dtype=np.int64)`.
- `torch.Tensor` in `isinstance`: `Tensor`.
- `t.view(...)`, `t.size(0)`: `t.reshape(...)`, `t.shape[0]`, as of arrays.
- `t.contiguous()`: nothing, since no operation asks for it. `t.narrow(0, 0, n)`: `t[:n]`.
- `weight.new(...).zero_()`: `Tensor(np.zeros(...), dtype=weight.dtype)`.
- `torch.multinomial(p, 1)`: `rng.choice(len(p), p=p)`.
- `torch.nn.utils.clip_grad_norm_`: `nn.utils.clip_grad_norm_`.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
"""

import numpy as np

import nn
from autograd_np import Tensor, no_grad
from nn import functional as F
from nn import optim

TEXT = "the quick brown fox jumps over the lazy dog. " * 24
chars = sorted(set(TEXT))
stoi = {ch: i for i, ch in enumerate(chars)}
itos = dict(enumerate(chars))


class CharRNN(nn.Module):
    def __init__(self, n_chars, rng, n_hidden=48, n_layers=2, drop_prob=0.1):
        super().__init__()
        self.n_layers = n_layers
        self.n_hidden = n_hidden
        self.encoder = nn.Embedding(n_chars, 16, rng=rng)
        self.lstm = nn.LSTM(16, n_hidden, n_layers, dropout=drop_prob, batch_first=True, rng=rng)
        self.dropout = nn.Dropout(drop_prob, rng=rng)
        self.fc = nn.Linear(n_hidden, n_chars, rng=rng)

    def forward(self, x, hidden):
        x = self.encoder(x)
        r_output, hidden = self.lstm(x, hidden)
        out = self.dropout(r_output)
        out = out.reshape(-1, self.n_hidden)
        out = self.fc(out)
        return out, hidden

    def init_hidden(self, batch_size):
        weight = next(self.parameters())
        return (
            Tensor(np.zeros((self.n_layers, batch_size, self.n_hidden)), dtype=weight.dtype),
            Tensor(np.zeros((self.n_layers, batch_size, self.n_hidden)), dtype=weight.dtype),
        )


def repackage_hidden(h):
    """Wraps hidden states in new Tensors, to detach them from their history."""
    if isinstance(h, Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def batchify(data, bsz):
    nbatch = data.shape[0] // bsz
    data = data[: nbatch * bsz]
    return data.reshape(bsz, -1)


def predict(model, char, hidden, rng):
    x = Tensor([[stoi[char]]])
    hidden = repackage_hidden(hidden)
    out, hidden = model(x, hidden)
    p = F.softmax(out, dim=1).data.squeeze()
    i = rng.choice(len(p), p=p)
    return itos[i], hidden


def sample(model, size, rng, prime="the"):
    model.eval()
    chars = list(prime)
    with no_grad():
        hidden = model.init_hidden(1)
        for ch in prime:
            char, hidden = predict(model, ch, hidden, rng)
        chars.append(char)
        for _ in range(size):
            char, hidden = predict(model, chars[-1], hidden, rng)
            chars.append(char)
    return "".join(chars)


def main(epochs=10, batch_size=6, seq_length=15, clip=1.0):
    rng = np.random.default_rng(0)
    data = batchify(Tensor([stoi[ch] for ch in TEXT], dtype=np.int64), batch_size)
    model = CharRNN(len(chars), rng)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    criterion = nn.CrossEntropyLoss()
    model.train()
    losses = []
    norms = []
    for epoch in range(epochs):
        hidden = model.init_hidden(batch_size)
        for i in range(0, data.shape[1] - 1 - seq_length, seq_length):
            inputs, targets = data[:, i : i + seq_length], data[:, i + 1 : i + 1 + seq_length]
            # Starting each batch, we detach the hidden state from how it was previously produced.
            hidden = repackage_hidden(hidden)
            model.zero_grad()
            output, hidden = model(inputs, hidden)
            loss = criterion(output, targets.reshape(-1))
            loss.backward()
            # `clip_grad_norm` helps prevent the exploding gradient problem in RNNs / LSTMs.
            norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            losses.append(loss.item())
            norms.append(norm.item())
        print(f"epoch {epoch}: loss {losses[-1]:.4f}")
    return losses, norms, sample(model, 60, rng)


if __name__ == "__main__":
    losses, norms, text = main()
    print(losses[0], losses[-1], max(norms), text, len(losses))
