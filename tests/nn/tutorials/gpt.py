"""A transformer of two layers that learns a sentence: embeddings, causal attention and a head of tied weights.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.nn.init`, `torch.nn.utils`, `torch.optim`: `nn.init`, `nn.utils`, `nn.optim`.
- `torch.tensor(a, dtype=torch.long)`: `Tensor(a, dtype=np.int64)`.
- `torch.tril`, `torch.ones`, `torch.arange`, `torch.stack`, `torch.cat(dim=1)`: `np.tril`, `np.ones((n, n))`,
  `np.arange`, `np.stack`, `np.concatenate(axis=1)`.
- `t.view(...)`, `t.size(1)`, `t.dim()`, `t.numel()`: `t.reshape(...)`, `t.shape[1]`, `t.ndim`, `t.size`, as of arrays.
- `t.transpose(1, 2)`: `t.swapaxes(1, 2)`. `transpose` is NumPy's, which takes the order of all axes.
- `t.split(n, dim=2)`: `np.split(t, 3, axis=2)`, which takes the number of parts.
- `t.masked_fill(mask, value)`: `np.where(mask, value, t)`.
- `torch.topk(t, k)`: `np.flip(np.sort(t), -1)[:, :k]`.
- `torch.multinomial`, `torch.randint`: `rng.choice`, `rng.integers`.
- `t.contiguous()`, `t.device`: nothing.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
"""

import math

import numpy as np

import nn
from autograd_np import Tensor, no_grad
from nn import functional as F


class CausalSelfAttention(nn.Module):
    def __init__(self, n_embd, n_head, block_size, dropout, rng):
        super().__init__()
        assert n_embd % n_head == 0
        # key, query, value projections for all heads, but in a batch
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, rng=rng)
        # output projection
        self.c_proj = nn.Linear(n_embd, n_embd, rng=rng)
        # regularization
        self.attn_dropout = nn.Dropout(dropout, rng=rng)
        self.resid_dropout = nn.Dropout(dropout, rng=rng)
        # causal mask to ensure that attention is only applied to the left in the input sequence
        self.register_buffer("bias", np.tril(np.ones((block_size, block_size))).reshape(1, 1, block_size, block_size))
        self.n_head = n_head
        self.n_embd = n_embd

    def forward(self, x):
        B, T, C = x.shape  # batch size, sequence length, embedding dimensionality
        q, k, v = np.split(self.c_attn(x), 3, axis=2)
        k = k.reshape(B, T, self.n_head, C // self.n_head).swapaxes(1, 2)  # (B, nh, T, hs)
        q = q.reshape(B, T, self.n_head, C // self.n_head).swapaxes(1, 2)  # (B, nh, T, hs)
        v = v.reshape(B, T, self.n_head, C // self.n_head).swapaxes(1, 2)  # (B, nh, T, hs)
        att = (q @ k.swapaxes(-2, -1)) * (1.0 / math.sqrt(k.shape[-1]))
        att = np.where(self.bias[:, :, :T, :T] == 0, float("-inf"), att)
        att = F.softmax(att, dim=-1)
        att = self.attn_dropout(att)
        y = att @ v  # (B, nh, T, T) x (B, nh, T, hs) -> (B, nh, T, hs)
        y = y.swapaxes(1, 2).reshape(B, T, C)  # re-assemble all head outputs side by side
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    def __init__(self, n_embd, dropout, rng):
        super().__init__()
        self.c_fc = nn.Linear(n_embd, 4 * n_embd, rng=rng)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * n_embd, n_embd, rng=rng)
        self.dropout = nn.Dropout(dropout, rng=rng)

    def forward(self, x):
        x = self.c_fc(x)
        x = self.gelu(x)
        x = self.c_proj(x)
        return self.dropout(x)


class Block(nn.Module):
    def __init__(self, n_embd, n_head, block_size, dropout, rng):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention(n_embd, n_head, block_size, dropout, rng)
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = MLP(n_embd, dropout, rng)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocab_size, block_size, rng, n_layer=2, n_head=2, n_embd=32, dropout=0.0):
        super().__init__()
        self.block_size = block_size
        self.rng = rng
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd, rng=rng),
                "wpe": nn.Embedding(block_size, n_embd, rng=rng),
                "drop": nn.Dropout(dropout, rng=rng),
                "h": nn.ModuleList([Block(n_embd, n_head, block_size, dropout, rng) for _ in range(n_layer)]),
                "ln_f": nn.LayerNorm(n_embd),
            }
        )
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False, rng=rng)
        self.transformer.wte.weight = self.lm_head.weight  # weight tying
        self.apply(self._init_weights)
        # apply special scaled init to the residual projections, per GPT-2 paper
        for pn, p in self.named_parameters():
            if pn.endswith("c_proj.weight"):
                nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * n_layer), rng=rng)
        print(f"number of parameters: {sum(p.size for p in self.parameters())}")

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, mean=0.0, std=0.02, rng=self.rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, mean=0.0, std=0.02, rng=self.rng)

    def forward(self, idx, targets=None):
        _, t = idx.shape
        assert t <= self.block_size
        pos = np.arange(0, t, dtype=np.int64)  # shape (t)
        tok_emb = self.transformer.wte(idx)  # token embeddings of shape (b, t, n_embd)
        pos_emb = self.transformer.wpe(pos)  # position embeddings of shape (t, n_embd)
        x = self.transformer.drop(tok_emb + pos_emb)
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer.ln_f(x)
        logits = self.lm_head(x)
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-1)
        return logits, loss

    def configure_optimizers(self, weight_decay, learning_rate, betas):
        param_dict = {pn: p for pn, p in self.named_parameters() if p.requires_grad}
        # weight tensors in matmuls and embeddings decay, all biases and layernorms don't
        decay_params = [p for n, p in param_dict.items() if p.ndim >= 2]
        nodecay_params = [p for n, p in param_dict.items() if p.ndim < 2]
        optim_groups = [
            {"params": decay_params, "weight_decay": weight_decay},
            {"params": nodecay_params, "weight_decay": 0.0},
        ]
        return nn.optim.AdamW(optim_groups, lr=learning_rate, betas=betas)

    @no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0, top_k=None):
        for _ in range(max_new_tokens):
            # if the sequence context is growing too long we must crop it at block_size
            idx_cond = idx if idx.shape[1] <= self.block_size else idx[:, -self.block_size :]
            logits, _ = self(idx_cond)
            logits = logits[:, -1, :] / temperature
            if top_k is not None:
                v = np.flip(np.sort(logits), -1)[:, : min(top_k, logits.shape[-1])]
                logits[logits < v[:, [-1]]] = -float("Inf")
            probs = F.softmax(logits, dim=-1)
            idx_next = np.array([[self.rng.choice(len(p), p=p)] for p in probs.data])
            idx = np.concatenate((idx, idx_next), axis=1)
        return idx


TEXT = "to be or not to be that is the question. " * 20
chars = sorted(set(TEXT))
stoi = {ch: i for i, ch in enumerate(chars)}
itos = dict(enumerate(chars))


def get_batch(data, block_size, batch_size, rng):
    ix = rng.integers(len(data) - block_size, size=(batch_size,))
    x = np.stack([data[i : i + block_size] for i in ix])
    y = np.stack([data[i + 1 : i + 1 + block_size] for i in ix])
    return x, y


def main(max_iters=150, block_size=16, batch_size=12):
    rng = np.random.default_rng(1337)
    data = Tensor([stoi[c] for c in TEXT], dtype=np.int64)
    model = GPT(len(chars), block_size, rng)
    optimizer = model.configure_optimizers(weight_decay=0.1, learning_rate=1e-2, betas=(0.9, 0.95))
    losses = []
    for it in range(max_iters):
        X, Y = get_batch(data, block_size, batch_size, rng)
        _, loss = model(X, Y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if it % 50 == 0:
            print(f"iter {it}: loss {loss.item():.4f}")
    model.eval()
    context = Tensor([[stoi["t"]]], dtype=np.int64)
    text = "".join(itos[i] for i in model.generate(context, 60, top_k=5)[0].tolist())
    return losses, text


if __name__ == "__main__":
    losses, text = main()
    print(losses[0], losses[-1], text)
