"""Wrong calls: each is refused by an error that names the argument, what was given, and what is accepted.

A wrong call changes nothing: the model, the optimiser and all generators are as they were, and no folder was made.
Kinds of arguments that several functions have are wrong in the same ways in each of them.
"""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse

import nn
from nn.optim import lr_scheduler
from nn.training import Checkpoints
from nn.training.callbacks import Callback, EarlyStopping, LRScheduler, PrintLog, SaveBest
from tests.nn.training.runs import Again, problem

X, Y = problem(n=20)
NAN = float("nan")


class Scene:
    """A training that is about to begin, and the call of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng, self.rows = np.random.default_rng(0), np.random.default_rng(1)
        self.model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Dropout(0.5, rng=self.rng))
        self.optimizer = nn.optim.Adam(self.model.parameters(), lr=0.1)
        self.schedule = lr_scheduler.StepLR(self.optimizer, 2)
        self.plateau = lr_scheduler.ReduceLROnPlateau(self.optimizer)

    def fit(self, **options: Any) -> None:
        """Train, and write checkpoints, with options that are wrong."""
        options = {
            "optimizer": self.optimizer, "progress": False, "epochs": 1, "checkpoint": self.folder / "new", **options
        }  # fmt: skip
        model, x, y = options.pop("model", self.model), options.pop("x", X), options.pop("y", Y)
        if y is not None and not isinstance(x, list):
            options.setdefault("rng", self.rows)
        nn.fit(model, x, y, **options)

    def state(self) -> str:
        """Return all that a call could change."""
        return repr(
            (
                {name: value.tobytes() for name, value in self.model.state_dict().items()},
                self.model.training, self.optimizer.state_dict(), self.schedule.state_dict(),
                self.rng.bit_generator.state, self.rows.bit_generator.state, os.listdir(self.folder),
            )
        )  # fmt: skip


class Wrong(NamedTuple):
    """A wrong call, and its error."""

    call: Callable[[Scene], Any]
    error: type[Exception]
    text: str


def fits(error: type[Exception], text: str, **options: Any) -> Wrong:
    """Return a wrong call of `fit`."""

    def call(scene: Scene) -> None:
        scene.fit(**{name: value.make(scene) if isinstance(value, Lazy) else value for name, value in options.items()})

    return Wrong(call, error, text)


class Lazy(NamedTuple):
    """What is made in the scene."""

    make: Callable[[Scene], Any]


def makes(error: type[Exception], text: str, kind: Any, *args: Any, **options: Any) -> Wrong:
    """Return a wrong call that needs no scene."""
    return Wrong(lambda scene: kind(*args, **options), error, text)


def judges(error: type[Exception], text: str, function: Any = nn.evaluate, **options: Any) -> Wrong:
    """Return a wrong call of `evaluate`, or of another function of a model and examples."""

    def call(scene: Scene) -> Any:
        given = {"model": scene.model, "x": X, **({"y": Y} if function is nn.evaluate else {}), **options}
        return function(given.pop("model"), given.pop("x"), **given)

    return Wrong(call, error, text)


def shown(thing: Any) -> str:
    return re.escape(repr(thing))


# Functions that take the same arguments, and callbacks that do.
FIT_EVALUATE: list[Any] = [("fit", fits, {}), ("evaluate", judges, {})]
ALL: list[Any] = [*FIT_EVALUATE, ("predict", judges, {"function": nn.predict})]
WITHOUT_Y: list[Any] = [("fit", fits, {"y": None}), ("evaluate", judges, {"y": None}), ALL[2]]
MONITORS: list[Any] = [(EarlyStopping, ()), (SaveBest, ("a",)), (Checkpoints, ("a",))]
# Kinds of arguments: each is wrong in these ways, wherever it is.
NO_COUNTS = (0, -1, 1.5, "3", True, NAN, [1])
NO_LIMITS = (0, -1.0, NAN, "1", True, [1.0])
TABLE = [
    *(
        fits(ValueError, rf"fit: {name} must be an integer of at least 1, got {shown(wrong)}", **{name: wrong})
        for name in ("epochs", "batch_size", "accumulate", "patience")
        for wrong in NO_COUNTS
    ),
    *(
        judges(ValueError, rf"{f.__name__}: batch_size must be an integer of at least 1, got {shown(wrong)}", f,
               batch_size=wrong)
        for f in (nn.evaluate, nn.predict)
        for wrong in NO_COUNTS
    ),
    *(
        makes(ValueError, rf"{kind.__name__}: {name} must be an integer of at least 1, got {shown(wrong)}",
              partial(kind, *args), **{name: wrong})
        for kind, args, name in ((EarlyStopping, (), "patience"), (Checkpoints, ("a",), "keep"),
                                 (Checkpoints, ("a",), "every"))
        for wrong in NO_COUNTS
    ),
    *(
        fits(ValueError, rf"fit: {name}={shown(wrong)}; give a number above 0", **{name: wrong})
        for name in ("clip_grad_norm", "clip_grad_value")
        for wrong in NO_LIMITS
    ),
    *(
        makes(ValueError, rf"{kind.__name__}: min_delta={shown(wrong)}; give a number of at least 0",
              partial(kind, *args), min_delta=wrong)
        for kind, args in MONITORS[:2]
        for wrong in (-1.0, NAN, "1", None, True)
    ),
    *(
        fits(TypeError, rf"fit: {name} is {shown(wrong)}; give True or False", **{name: wrong})
        for name in ("progress", "compiled")
        for wrong in (None, 1, "yes")
    ),
    makes(TypeError, r"EarlyStopping: restore_best is 1; give True or False", EarlyStopping, restore_best=1),
    *(
        makes(ValueError, rf"{kind.__name__}: mode={shown(wrong)}; give 'min' or 'max'", kind, *args, mode=wrong)
        for kind, args in MONITORS
        for wrong in ("least", "auto", 1)
    ),
    *(
        makes(TypeError, rf"{kind.__name__}: monitor is {shown(wrong)}; give the name of a figure, such as 'val_loss'",
              partial(kind, *args), monitor=wrong)
        for kind, args in MONITORS
        for wrong in (3, True)
    ),
    # -- the model, the optimiser, functions --------------------------------------------------------------------------
    *(
        make(TypeError, rf"{name}: model is {text}; give a Module", model=wrong, **more)
        for name, make, more in ALL
        for wrong, text in ((nn.Linear, "the class Linear"), (None, "None"), (abs, "a builtin_function_or_method"))
    ),
    *(
        fits(TypeError, rf"fit: optimizer is {text}; give one of nn.optim, such as .*Adam\(model", optimizer=wrong)
        for wrong, text in (("adam", "'adam'"), (nn.optim.SGD, "the class SGD"), (None, "None"), (0.1, "0.1"))
    ),
    fits(TypeError, r"fit: optimizer is an LBFGS, which .*; give another one, or call optimizer.step\(closure\)",
         optimizer=Lazy(lambda scene: nn.optim.LBFGS(scene.model.parameters()))),
    fits(ValueError, r"fit: the optimizer, SGD of 2 parameters, holds none of the Sequential's \(0.weight .*; make",
         optimizer=nn.optim.SGD(nn.Linear(3, 2, rng=0).parameters(), lr=0.1)),
    *(
        make(TypeError, rf"{name}: loss is {text}; give a function of outputs and targets", loss=wrong)
        for name, make, _ in FIT_EVALUATE
        for wrong, text in (
            ("mse", "'mse'"), (nn.MSELoss, "the class MSELoss"), (3, "3"), (lambda outputs: 0, r"<lambda>\(outputs\)"),
            (nn.GaussianNLLLoss(), r"GaussianNLLLoss\(x: .*, var: .*\) .*"), ([nn.MSELoss()], "a list"),
        )
    ),
    *(
        make(ValueError, rf"{name}: loss has reduction='none'; give one whose reduction is 'mean' or 'sum'",
             loss=nn.MSELoss(reduction="none"))
        for name, make, _ in FIT_EVALUATE
    ),
    *(
        make(TypeError, rf"{name}: metrics is {text}; give a dict, such as {{'accuracy': nn.accuracy}}", metrics=wrong)
        for name, make, _ in FIT_EVALUATE
        for wrong, text in (
            ("accuracy", "'accuracy'"), ([nn.accuracy], "a list"), (nn.accuracy, "a function"), (True, "True"),
        )
    ),
    *(
        make(TypeError, rf"{name}: metrics\['m'\] is {text}; give a function of outputs and", metrics={"m": wrong})
        for name, make, _ in FIT_EVALUATE
        for wrong, text in (
            ("accuracy", "'accuracy'"), (None, "None"), (dict, "the class dict"), (lambda y: 0, r"<lambda>\(y\)"),
        )
    ),
    *(
        make(ValueError, rf"{name}: metrics has the name {shown(wrong)}; give a text other than 'loss', .* 'val_'",
             metrics={wrong: nn.accuracy})
        for name, make, _ in FIT_EVALUATE
        for wrong in ("loss", "val_accuracy", 3)
    ),
    *(
        fits(TypeError, rf"fit: transform is {text}; give a function of x", transform=wrong)
        for wrong, text in (
            ("flip", "'flip'"), (3, "3"), (np.float32, "the class float32"), (lambda x, y: x, r"<lambda>\(x, y\)"),
        )
    ),
    *(
        fits(ValueError, rf"fit: nonfinite={shown(wrong)}; give 'raise' or 'skip'", nonfinite=wrong)
        for wrong in ("ignore", None, True)
    ),
    *(
        fits(error, rf"fit: rng is {shown(wrong)}; give a numpy.random.Generator, or .* integer of", rng=wrong)
        for wrong, error in (("seed", TypeError), (-1, ValueError), (1.5, TypeError))
    ),
    # -- examples -----------------------------------------------------------------------------------------------------
    *(
        make(error, rf"{name}: x {text}", x=wrong, **more)
        for name, make, more in ALL
        for wrong, error, text in (
            (np.ma.masked_greater(X, 1.0), TypeError, r"is a masked array, \d+ of whose 60 .*; give .filled\(value\)"),
            ([np.ma.masked_equal([1.0, 2.0, 3.0], 2.0)] * 20, TypeError, "is a masked array, 1 of whose 3 .*; give"),
            (scipy.sparse.csr_array(X), TypeError, r"is a csr_array of shape \(20, 3\), .*sparse; give x.toarray\(\)"),
            (scipy.sparse.coo_matrix(X), TypeError, r"is a coo_matrix of shape .*; give x.toarray\(\)"),
            (X.astype(object), TypeError, r"is an array .* of dtype object; give numbers: np.asarray\(x, dtype"),
            (np.full((20, 3), "a"), TypeError, r"holds text, 'a'; give numbers: np.asarray\(x, dtype"),
            ([["a", "b", "c"]] * 20, TypeError, "holds text, 'a'; give numbers"),
            (X.astype("M8[s]"), TypeError, r"is an array of shape .* of dtype datetime64\[s\]; give numbers"),
            ({"a": X}, TypeError, "is a dict of dtype object; give numbers"),
            ([[1.0], [1.0, 2.0]], ValueError, "is a list of things that differ in shape; give one array"),
            ("examples", TypeError, "holds text, 'examples'; give numbers"),
        )
    ),
    *(
        make(error, rf"{name}: y {text}", y=wrong)
        for name, make, _ in FIT_EVALUATE
        for wrong, error, text in (
            (np.ma.masked_equal(Y, 1), TypeError, r"is a masked array, \d+ of whose 20 .*; give .filled\(value\)"),
            (scipy.sparse.csr_array(X), TypeError, r"is a csr_array .*sparse; give y.toarray\(\)"),
            (np.where(Y, "cat", "dog"), TypeError, r"holds text, '.{3}'; give numbers: names, y = np.unique"),
            (["cat"] * 20, TypeError, r"holds text, 'cat'; give numbers: names, y = np.unique\(y, return_i"),
            (np.array(["cat"] * 20, dtype=object), TypeError, r"holds text, 'cat'; give .* np.unique"),
            (Y.astype(object), TypeError, r"is an array of shape \(20,\) of dtype object; give numbers: .*np.unique"),
        )
    ),
    *(
        make(ValueError, rf"{name}: arrays must have the same number of rows, .*; got {text}", **wrong)
        for name, make, _ in FIT_EVALUATE
        for wrong, text in (
            ({"y": Y[:5]}, r"x \(20, 3\), y \(5,\)"), ({"x": X[:0]}, r"x \(0, 3\), y \(20,\)"),
            ({"x": 3.0}, r"x \(\), y \(20,\)"), ({"y": 1}, r"x \(20, 3\), y \(\)"),
            ({"sample_weight": np.ones(3)}, r"x \(20, 3\), y \(20,\), sample_weight \(3,\)"),
        )
    ),
    *(
        make(ValueError, rf"{name}: x has no rows; give at least one example", x=X[:0], **more)
        for name, make, more in (("fit", fits, {"y": Y[:0]}), ("evaluate", judges, {"y": Y[:0]}),
                                 ("predict", judges, {"function": nn.predict}))
    ),
    judges(ValueError, r"predict: arrays must have the same number of rows, .*; got x \(\)", nn.predict, x=3),
    *(
        make(TypeError, rf"{name}: x is {text} and there is no y; give the targets as y, or as x .* pairs of batches",
             x=wrong, y=None)
        for name, make, _ in FIT_EVALUATE
        for wrong, text in (
            (X, r"an array of shape \(20, 3\)"), ([], "a list"), (None, "None"),
            (nn.data.TensorDataset(X, Y), "a TensorDataset"),
        )
    ),
    # -- batches ------------------------------------------------------------------------------------------------------
    *(
        make(TypeError, rf"{name}: x is a {kind}, which is through after one epoch; give", x=wrong, **more)
        for name, make, more in WITHOUT_Y
        for wrong, kind in (((pair for pair in [(X, Y)]), "generator"), (iter([(X, Y)]), "list_iterator"))
    ),
    *(
        fits(TypeError, rf"fit: {name} is {text}, with an x, a list, that yields batches of its own; leave it out",
             x=[(X, Y)], **{"y": None, name: wrong})
        for name, wrong, text in (
            ("y", Y, "an array.*"), ("sample_weight", np.ones(20), "an array.*"), ("validation_split", 0.5, "0.5"),
            ("batch_size", 5, "5"), ("rng", 0, "0"),
        )
    ),
    *(
        judges(TypeError, rf"{f.__name__}: {name} is {text}, with an x, a list, that yields .*; leave it out", f,
               x=[(X, Y)], **({"y": None} if f is nn.evaluate else {}) | {name: wrong})
        for f, name, wrong, text in (
            (nn.evaluate, "y", Y, "an array.*"), (nn.evaluate, "sample_weight", np.ones(20), "an array.*"),
            (nn.evaluate, "batch_size", 5, "5"), (nn.predict, "batch_size", 5, "5"),
        )
    ),
    *(
        judges(error, text, y=None, x=Again([batch]))
        for batch, error, text in (
            (X, TypeError, r"evaluate: x: a batch is an array of shape .*; each is to be a pair of examples"),
            ((X,), TypeError, "evaluate: x: a batch is 1 parts; each is to be a pair"),
            ((X, Y, Y, Y), TypeError, "evaluate: x: a batch is 4 parts; each is to be a pair"),
            (3, TypeError, "evaluate: x: a batch is 3; each is to be a pair"),
            ((np.ma.masked_greater(X, 1.0), Y), TypeError, "evaluate: x: a part of a batch is a masked .*; give"),
            ((X, np.ma.masked_equal(Y, 1)), TypeError, "evaluate: x: a part of a batch is a masked array, .*; give"),
            ((X, Y, np.ones(3)), ValueError, "evaluate: x: a batch has 20 targets and 3 weights; give one each"),
            ((X, Y, np.ones((20, 1))), ValueError, r"evaluate: x: a batch's weights is .* shape \(20, 1\); give one"),
            ((X, Y, -np.ones(20)), ValueError, r"evaluate: x: a batch's weights holds -1.0; give finite numbers of"),
        )
    ),
    judges(ValueError, "evaluate: x yields no batches; give at least one", x=Again([]), y=None),
    judges(ValueError, "predict: x yields no batches; give at least one", nn.predict, x=Again([])),
    # -- the validation -----------------------------------------------------------------------------------------------
    *(
        fits(ValueError, rf"fit: validation_split={shown(wrong)}; give a number between 0 an", validation_split=wrong)
        for wrong in (0, 1, 1.5, -0.1, NAN, "0.2", True)
    ),
    fits(ValueError, r"fit: validation_split=0.001 of 20 .* leaves none to judge by; give .* between 0.025 and 0.975",
         validation_split=0.001),
    fits(ValueError, r"fit: validation_split=0.99 of 20 .* leaves none to train with; give a number between",
         validation_split=0.99),
    fits(ValueError, r"fit: validation and validation_split=0.5; leave one of them out", validation=(X, Y),
         validation_split=0.5),
    *(
        fits(TypeError, rf"fit: validation is {text}; give \(x, y\), \(x, y, sample_weight\), or", validation=wrong)
        for wrong, text in (
            (X, r"an array of shape \(20, 3\)"), ((X,), "a tuple"), ((X, Y, Y, Y), "a tuple"), (0.2, "0.2"),
            ("last", "'last'"), ({"x": X}, "a dict"), ([], "a list"),
        )
    ),
    fits(TypeError, r"fit: validation is a generator, which is through after one epoch", validation=(x for x in X)),
    fits(TypeError, r"fit: validation is a tuple whose first part is several arrays", validation=((X, Y), (X, Y))),
    fits(ValueError, r"fit: validation: arrays must have the same number of rows.*; got x \(20, 3\), y \(3,\)",
         validation=(X, Y[:3])),
    fits(TypeError, r"fit: validation: y holds text, 'a'; give numbers: names, y", validation=(X, ["a"] * 20)),
    fits(TypeError, r"fit: validation: x is a masked array", validation=(np.ma.masked_greater(X, 1.0), Y)),
    fits(ValueError, r"fit: validation: with weights .* NLLLoss has weight=.*; leave one of the two out",
         loss=nn.NLLLoss([1.0, 2.0]), validation=(X, Y, np.ones(20))),
    fits(ValueError, r"fit: validation: sample_weight holds -1.0; give finite", validation=(X, Y, -np.ones(20))),
    # -- weights ------------------------------------------------------------------------------------------------------
    *(
        make(ValueError, rf"{name}: sample_weight {text}", sample_weight=wrong)
        for name, make, _ in FIT_EVALUATE
        for wrong, text in (
            (-np.ones(20), r"holds -1.0; give finite numbers of at least 0"),
            (np.full(20, NAN), r"holds nan; give finite numbers of at least 0"),
            (np.full(20, np.inf), r"holds inf; give finite numbers of at least 0"),
            (np.zeros(20), r"is 0 for every example; give numbers above 0"),
            (np.ones((20, 1)), r"is an array of dtype float64 and shape \(20, 1\); give one number for each example"),
            (np.ones(20, complex), r"is an array of dtype complex128 and shape \(20,\); give one number"),
        )
    ),
    *(
        make(ValueError, rf"{name}: with weights of examples, .*and CrossEntropyLoss has {text}; leave one of the",
             loss=loss, sample_weight=np.ones(20))
        for name, make, _ in FIT_EVALUATE
        for loss, text in (
            (nn.CrossEntropyLoss(reduction="sum"), "reduction='sum'"),
            (nn.CrossEntropyLoss([1.0, 2.0]), "weight=array.*"),
        )
    ),
    *(
        make(TypeError, rf"{name}: loss is <lambda>\(outputs, y\); give a function of outputs and targets and weights",
             loss=lambda outputs, y: 0, sample_weight=np.ones(20))
        for name, make, _ in FIT_EVALUATE
    ),
    *(
        fits(error, rf"fit: class_weight{text}", class_weight=wrong)
        for wrong, error, text in (
            ("even", ValueError, "='even'; give 'balanced', or a dict with the weight of each class"),
            ([1.0, 2.0], TypeError, " is a list; give 'balanced', or a dict"),
            (2.0, TypeError, " is 2.0; give 'balanced', or a dict"),
            ({5: 1.0}, ValueError, " has 5, which is none of the classes in y: 0, 1"),
            ({"0": 1.0}, ValueError, " has '0', which is none of the classes in y: 0, 1"),
            ({0: -1.0}, ValueError, r"\[0\] is -1.0; give a finite number of at least 0"),
            ({0: NAN}, ValueError, r"\[0\] is nan; give a finite number of at least 0"),
            ({0: "2"}, ValueError, r"\[0\] is '2'; give a finite number of at least 0"),
            ({0: None}, ValueError, r"\[0\] is None; give a finite number of at least 0"),
            ({0: 0.0, 1: 0}, ValueError, " is 0 for every example; give numbers above 0"),
        )
    ),
    *(
        fits(ValueError, rf"fit: class_weight is for one class for each .*; y is of dtype {text}; give sample_weight",
             y=wrong, class_weight="balanced")
        for wrong, text in ((X[:, 0], r"float64 and shape \(20,\)"), (np.c_[Y, Y], r"int64 and shape \(20, 2\)"))
    ),
    *(
        fits(error, rf"fit: class_weight{text}", class_weight=wrong, x=[(X, Y)], y=None)
        for wrong, error, text in (
            ("balanced", ValueError, "='balanced' with batches that are yet to come; give a dict with the weight"),
            (3, TypeError, " is 3; give"), ({"0": 1.0}, ValueError, " has '0', which is none .* are integers"),
            ({0: -1.0}, ValueError, r"\[0\] is -1.0; give a finite"),
        )
    ),
    # -- callbacks and checkpoints ------------------------------------------------------------------------------------
    *(
        fits(TypeError, rf"fit: callbacks is {text}; give a list of them", callbacks=wrong)
        for wrong, text in ((EarlyStopping(), "an EarlyStopping"), (print, "a builtin.*"), (None, "None"), (3, "3"))
    ),
    *(
        fits(TypeError, rf"fit: callbacks holds {text}; give objects of nn.callbacks.Callback, or functions",
             callbacks=[wrong])
        for wrong, text in (
            (EarlyStopping, "the class EarlyStopping"), ("stop", "'stop'"), (None, "None"), ([print], "a list"),
        )
    ),
    fits(TypeError, r"fit: callbacks holds a StepLR itself; give nn.callbacks.LRScheduler\(schedule, every='epoch'\)",
         callbacks=Lazy(lambda scene: [scene.schedule])),
    *(
        fits(TypeError, rf"fit: Own.{name} would never be called: .*Callback, {near} is; they are on_train_begin, .*",
             callbacks=[type("Own", (Callback,), {name: lambda self, *args: None})()])
        for name, near in (
            ("on_epoch_finish", "on_epoch_begin"), ("on_epochend", "on_epoch_end"), ("on_epoch_End", "on_epoch_end"),
            ("on_train_batch_end", "on_batch_end"), ("on_train_batch_begin", "on_batch_begin"),
            ("on_train_start", "on_train_begin"), ("on_fit_end", "on_train_end"),
            ("on_train_epoch_start", "on_epoch_begin"), ("on_gradients_computed", "on_grad_computed"),
        )
    ),
    fits(TypeError, r"fit: Own.on_zzz would never be called: it is no hook of nn.callbacks.Callback; they are",
         callbacks=[type("Own", (Callback,), {"on_zzz": lambda self, *args: None})()]),
    *(
        fits(TypeError, rf"fit: Own.{name}\(.*\) cannot be called as it is, with \({given}\): .*; write {name}\(self",
             callbacks=[type("Own", (Callback,), {name: method})()])
        for name, given, method in (
            ("on_epoch_end", "run", lambda self: None), ("on_epoch_end", "run", lambda self, epoch, logs: None),
            ("on_batch_end", "run, x, y, loss, outputs", lambda self, batch, logs=None: None),
            ("on_batch_begin", "run, x, y", lambda self, net, batch=None, **others: None),
            ("close", "", lambda self, run: None), ("load_state_dict", "state", lambda self: None),
        )
    ),
    *(
        fits(TypeError, r"fit: one of callbacks is <lambda>\(.*\); give a function of model and", callbacks=[wrong])
        for wrong in (lambda: None, lambda model: None, lambda run, x, y: None)
    ),
    fits(ValueError, r"fit: on_grad_computed with compiled=True: .*; leave one out", compiled=True,
         callbacks=[type("Looks", (Callback,), {"on_grad_computed": lambda self, run: None})()]),
    *(
        fits(ValueError, rf"{kind.__name__}: monitor='accuracy' is none of the figures; give one of loss, val_loss",
             callbacks=[kind(*args, monitor="accuracy")], validation=(X, Y))
        for kind, args in MONITORS[:2]
    ),
    *(
        fits(ValueError, rf"{kind.__name__}: is less of monitor='size' better, or more\? Give mode='min' or mode='max'",
             callbacks=[kind(*args, monitor="size")], metrics={"size": lambda outputs, y: 0})
        for kind, args in MONITORS[:2]
    ),
    fits(ValueError, r"LRScheduler: monitor='val_loss' is none of the figures; give one of loss",
         callbacks=Lazy(lambda scene: [LRScheduler(scene.plateau, monitor="val_loss")])),
    fits(ValueError, r"LRScheduler: schedule is of another optimizer, SGD, than the Adam that trains; give one",
         callbacks=[LRScheduler(lr_scheduler.StepLR(nn.optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1), 2))]),
    *(
        makes(TypeError, rf"LRScheduler: schedule is {text}; give one of nn.optim.lr_scheduler", LRScheduler, wrong)
        for wrong, text in ((lr_scheduler.StepLR, "the class StepLR"), (0.1, "0.1"), ("step", "'step'"), (None, "None"))
    ),
    *(
        Wrong(lambda scene, every=every: LRScheduler(scene.schedule, every), ValueError,
              rf"LRScheduler: every={shown(every)}; give 'epoch' or 'step'")
        for every in ("batch", 1, None)
    ),
    Wrong(lambda scene: LRScheduler(scene.plateau, "step"), ValueError,
          r"LRScheduler: every='step' with ReduceLROnPlateau, which .*; give 'epoch'"),
    Wrong(lambda scene: LRScheduler(scene.schedule, monitor="loss"), ValueError,
          r"LRScheduler: monitor='loss' with StepLR, which heeds no figure; leave it out"),
    Wrong(lambda scene: LRScheduler(scene.plateau, monitor=3), TypeError,
          r"LRScheduler: monitor is 3; give the name of a figure"),
    *(
        makes(TypeError, rf"SaveBest: path is {shown(wrong)}; give the path of a file", SaveBest, wrong)
        for wrong in (None, 3, "", b"best")
    ),
    *(
        makes(TypeError, rf"Checkpoints: folder is {shown(wrong)}; give the path of a folder", Checkpoints, wrong)
        for wrong in (None, 3, "", b"folder")
    ),
    makes(TypeError, "PrintLog: file is 'log.txt'; give an open text file", PrintLog, "log.txt"),
    *(
        fits(TypeError, rf"fit: checkpoint is {text}; give the path of a folder, or nn.Checkpoints", checkpoint=wrong)
        for wrong, text in ((True, "True"), (3, "3"), (Checkpoints, "the class Checkpoints"), ([], "a list"))
    ),
    fits(ValueError, r"SaveBest: monitor='val_loss' is none of the figures; give one of loss",
         checkpoint=Lazy(lambda scene: Checkpoints(scene.folder / "new", monitor="val_loss"))),
]  # fmt: skip


def test_wrong_calls(tmp_path: Path) -> None:
    assert len(TABLE) >= 200
    scene = Scene(tmp_path)
    before = scene.state()
    faults: list[str] = []
    for wrong in TABLE:
        try:
            wrong.call(scene)
        except Exception as error:  # all faults are listed together
            if type(error) is not wrong.error or not re.match(wrong.text, str(error)):
                faults.append(f"{wrong.error.__name__}: {wrong.text}\n but {type(error).__name__}: {error}")
        else:
            faults.append(f"no error: {wrong.text}")
        if scene.state() != before:
            faults.append(f"something changed: {wrong.text}")
            break
    assert not faults, f"{len(faults)} of {len(TABLE)}:\n" + "\n".join(faults)


LATE = [
    fits(TypeError, r"fit: loss returned 0.5; give one that returns a Tensor of shape \(\)", loss=lambda o, y: 0.5),
    fits(TypeError, r"fit: loss returned a Tensor of shape \(20,\); give", loss=lambda o, y: o.sum(axis=1)),
    fits(TypeError, r"fit: metrics\['m'\] returned None; give one that", metrics={"m": lambda o, y: None}),
    fits(TypeError, r"fit: metrics\['m'\] returned an array of shape \(20,\); give", metrics={"m": lambda o, y: y}),
    fits(TypeError, r"fit: one of callbacks, .*<lambda>, returned 0.5; give one that", callbacks=[lambda m, h: 0.5]),
    fits(ValueError, r"fit: x yields no batches in epoch 1; give what can be gone through again", x=Again([]), y=None),
    fits(TypeError, r"fit: x: a batch is 2 parts|fit: x: a batch is an array", x=Again([X]), y=None),
    judges(TypeError, r"evaluate: metrics\['m'\] returned 'a'; give one that", metrics={"m": lambda o, y: "a"}),
    judges(TypeError, r"predict: the model returned a tuple; give one that returns a Tensor with a row", nn.predict,
           model=nn.RNN(3, 2, rng=0)),
]  # fmt: skip


@pytest.mark.parametrize("wrong", LATE, ids=lambda wrong: wrong.text[:40])
def test_what_is_found_on_the_way(wrong: Wrong, tmp_path: Path) -> None:
    """What functions return, and batches hold, is not known before."""
    with pytest.raises(wrong.error, match=wrong.text):
        wrong.call(Scene(tmp_path))
