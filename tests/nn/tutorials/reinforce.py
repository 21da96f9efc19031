"""A policy that learns to walk to the end of a corridor, by the gradient of its actions' log-probabilities.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.from_numpy(a).float().unsqueeze(0)`: `np.expand_dims(Tensor(a, dtype=np.float32), 0)`.
- `Categorical(probs)`: `rng.choice(2, p=probs.data[0])` draws, and `np.log(probs[:, action])` is the log-probability.
- `torch.tensor(returns)`: `Tensor(returns)`. `torch.cat`: `np.concatenate`.
- `t.std()`: `t.std(ddof=1)`. NumPy divides by n, PyTorch by n - 1; nothing says so.
"""

from collections import deque

import numpy as np

import nn
from autograd_np import Tensor
from nn import functional as F
from nn import optim


class Corridor:
    """Five cells; going right from the last one is worth 1, every step costs 0.1, and 12 steps are the end."""

    def reset(self):
        self.cell, self.steps = 0, 0
        return self._state()

    def step(self, action):
        self.cell = max(0, self.cell + (1 if action == 1 else -1))
        self.steps += 1
        reached = self.cell == 5
        return self._state(), (1.0 if reached else -0.1), reached or self.steps == 12

    def _state(self):
        return np.eye(6)[self.cell]


class Policy(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.affine1 = nn.Linear(6, 16, rng=rng)
        self.dropout = nn.Dropout(p=0.1, rng=rng)
        self.affine2 = nn.Linear(16, 2, rng=rng)

        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = self.affine1(x)
        x = self.dropout(x)
        x = F.relu(x)
        action_scores = self.affine2(x)
        return F.softmax(action_scores, dim=1)


eps = np.finfo(np.float32).eps.item()


def select_action(policy, state, rng):
    state = np.expand_dims(Tensor(state, dtype=np.float32), 0)
    probs = policy(state)
    action = rng.choice(2, p=probs.data[0])
    policy.saved_log_probs.append(np.log(probs[:, action]))
    return action


def finish_episode(policy, optimizer, gamma):
    R = 0
    policy_loss = []
    returns = deque()
    for r in policy.rewards[::-1]:
        R = r + gamma * R
        returns.appendleft(R)
    returns = Tensor(returns)
    returns = (returns - returns.mean()) / (returns.std(ddof=1) + eps)
    for log_prob, R in zip(policy.saved_log_probs, returns, strict=True):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    policy_loss = np.concatenate(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]


def main(episodes=120, gamma=0.99):
    rng = np.random.default_rng(543)
    env = Corridor()
    policy = Policy(rng)
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    rewards = []
    for i_episode in range(episodes):
        state, ep_reward = env.reset(), 0
        for _ in range(1, 100):
            action = select_action(policy, state, rng)
            state, reward, done = env.step(action)
            policy.rewards.append(reward)
            ep_reward += reward
            if done:
                break
        finish_episode(policy, optimizer, gamma)
        rewards.append(ep_reward)
        if i_episode % 20 == 0:
            print(f"Episode {i_episode}\tLast reward: {ep_reward:.2f}")
    return rewards


if __name__ == "__main__":
    rewards = main()
    print(np.mean(rewards[:20]), np.mean(rewards[-20:]))
