"""Losses of distances and of order as modules."""

from autograd_np import Tensor
from autograd_np import neural as F
from nn.losses.reductions import Loss, Operand
from nn.module import Module

__all__ = ["CosineEmbeddingLoss", "CosineSimilarity", "HingeEmbeddingLoss", "MarginRankingLoss", "TripletMarginLoss"]


class CosineSimilarity(Module):
    """The cosines of the angles between vectors: x1 · x2 / (|x1| |x2|), where no length counts less than ε.

    Parameters
    ----------
    dim : int
        The axis along which the vectors are.
    eps : float
        ε above.

    Raises
    ------
    ValueError
        When called: see `nn.functional.cosine_similarity`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.CosineSimilarity()(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])))
    [0.]
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, eps

    def forward(self, x1: Operand, x2: Operand) -> Tensor:
        """Return the cosines, of the shape that both have together, without the axis `dim`."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class CosineEmbeddingLoss(Loss):
    """The mean of 1 - cos(x1, x2) for pairs that belong together, and of max(0, cos - margin) for others.

    Parameters
    ----------
    margin : float
        Up to which cosine vectors are apart.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the pairs, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.cosine_embedding_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.CosineEmbeddingLoss()(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([1])))
    1.0
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, x1: Operand, x2: Operand, targets: Operand) -> Tensor:
        """Return the loss of vectors (N, D) for targets (N,) that are 1 or -1."""
        return F.cosine_embedding_loss(x1, x2, targets, self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """The mean of max(0, margin - t (x1 - x2)): what ranks higher is to be larger by the margin.

    Parameters
    ----------
    margin : float
        By how much.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.margin_ranking_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.MarginRankingLoss(margin=0.5)(np.array([1.0]), np.array([3.0]), np.array([1])))
    2.5
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, x1: Operand, x2: Operand, targets: Operand) -> Tensor:
        """Return the loss of numbers of one shape for targets that are 1 or -1."""
        return F.margin_ranking_loss(x1, x2, targets, self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """The mean of distances x of what belongs together, and of max(0, margin - x) of what does not.

    Parameters
    ----------
    margin : float
        From which distance on the rest is apart.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.hinge_embedding_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.HingeEmbeddingLoss()(np.array([0.25, 0.25]), np.array([1, -1])))
    0.5
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, x: Operand, targets: Operand) -> Tensor:
        """Return the loss of distances for targets that are 1 or -1."""
        return F.hinge_embedding_loss(x, targets, self.margin, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """The mean of max(0, d(a, p) - d(a, n) + margin): anchors are to be closer to positives than to negatives.

    Parameters
    ----------
    margin : float
        By how much closer.
    p : float
        The order of the norm that d is.
    eps : float
        Added to each difference of which a norm is taken.
    swap : bool
        Whether the distance of positive and negative counts in place of d(a, n) where it is smaller.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the triplets, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.triplet_margin_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> loss = nn.TripletMarginLoss()(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]]))
    >>> print(f"{loss:.3f}")
    4.000
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Operand, positive: Operand, negative: Operand) -> Tensor:
        """Return the loss of vectors of one shape, (N, D) say."""
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )
