"""Estimators of scikit-learn: `NeuralNetClassifier` and `NeuralNetRegressor`, over any module, trained by `nn.fit`."""

try:
    from nn.estimators.classifier import NeuralNetClassifier
    from nn.estimators.regressor import NeuralNetRegressor
except ImportError as error:
    if (error.name or "").partition(".")[0] != "sklearn":
        raise
    raise ImportError(
        "nn.NeuralNetClassifier and nn.NeuralNetRegressor are estimators of scikit-learn, which is not installed, or "
        'older than 1.6: pip install "autograd_np[sklearn]"'
    ) from error

__all__ = ["NeuralNetClassifier", "NeuralNetRegressor"]
