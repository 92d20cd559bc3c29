"""scikit-learn's discriminants, naive Bayes, clusters and mixtures."""

from typing import Any

import numpy as np
from fastscore._bounds_scores import transform_bound
from fastscore._bounds_transform import transform_bound as directions
from sklearn import cluster, discriminant_analysis, mixture, naive_bayes, neighbors
from sklearn.gaussian_process import GaussianProcessRegressor

from matrix import sklearn_network_cases as networks
from matrix.case import EQUAL, LABELS, Bound, Case, Refusal, labels_within, of_terms, terms
from matrix.sklearn_linear_cases import ROWS, Target, fit, four, slack, two


def margin(source: Any, data: Any) -> Any:
    """What stands for the margin where the class has no `decision_function`; None for others."""
    if hasattr(source, "out_activation_"):
        return networks.margin(source, data)
    if hasattr(source, "predict_joint_log_proba"):
        return _one_of_two(source.predict_joint_log_proba(data))
    if hasattr(source, "precisions_cholesky_"):
        return source._estimate_log_prob(data) + source._estimate_log_weights()
    if hasattr(source, "cluster_centers_"):
        squares = -(source.transform(data) ** 2)
        return squares.ravel() if squares.shape[1] == 1 else squares
    if hasattr(source, "_linear_predictor"):
        return source._linear_predictor(data)
    if hasattr(source, "centroids_"):
        if np.isclose(source.class_prior_, source.class_prior_[0]).all():
            return _one_of_two(-np.abs(data[:, np.newaxis] - source.centroids_).sum(axis=2))
        return _one_of_two(source._decision_function(data))
    return None


def _one_of_two(scores: Any) -> Any:
    """Of two classes the difference, as `decision_function` has it where there is one."""
    return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores


def scores(source: Any, data: Any) -> Any:
    """What the source compares to choose a label, a column a class."""
    if hasattr(source, "decision_function"):
        return source.decision_function(data)
    return margin(source, data)


def _squares(source: Any, data: Any) -> Any:
    return -((data[:, np.newaxis] - source.centroids_) ** 2).sum(axis=2)


def _distances(source: Any, data: Any) -> Any:
    bound = transform_bound(source, data)
    assert bound is not None
    return bound


TERMS = terms(slack)
CLASSES: dict[str, Bound] = {"prediction": labels_within(scores, slack), "margin": TERMS}
SHARES = CLASSES | {"probability": of_terms(slack)}
DIRECTIONS = SHARES | {"transform": terms(directions)}
MIXTURES = SHARES | {"score": of_terms(slack)}
CLUSTERS = CLASSES | {"transform": terms(_distances)}
NEAREST = SHARES | {"prediction": labels_within(_squares, slack)}


def _made(kind: Any, target: Target | None, positive: bool, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.normal(size=(ROWS, 5)) * [1, 2, 0.5, 1, 1] + [0, 1, 0, 0, -1]
        classes = None if target is None else target(x, rng)
        # Far from zero, where squares that are multiplied out lose digits.
        x[:, 4] += 0 if positive else 1000
        x = np.round(np.abs(x) * 3) if positive else x
        source = fit(kind, parameters, x, classes)
        rows = x[rng.integers(0, ROWS, 257)]
        far = rng.random(257) < 0.3
        rows[far] *= 10.0 ** rng.integers(-2, 3, (far.sum(), 5))
        rows[::7, 1] = 0.0 if positive else -0.0
        rows[::11, 2] = 5e-324
        return source, rows

    return make


def _case(
    kind: Any,
    variant: str,
    target: Target | None,
    bounds: Any,
    *,
    positive: bool = False,
    **parameters: Any,
) -> Case:
    return Case(kind.__name__, variant, _made(kind, target, positive, **parameters), bounds)


def _both(kind: Any, bounds: Any, variant: str = "", **parameters: Any) -> list[Case]:
    end = f", {variant}" if variant else ""
    return [
        _case(kind, f"two classes{end}", two, bounds, **parameters),
        _case(kind, f"several classes{end}", four, bounds, **parameters),
    ]


_LDA = discriminant_analysis.LinearDiscriminantAnalysis
_KMEANS = (cluster.KMeans, cluster.MiniBatchKMeans, cluster.BisectingKMeans)
_MIXTURES = (mixture.GaussianMixture, mixture.BayesianGaussianMixture)
_COUNTS = (naive_bayes.MultinomialNB, naive_bayes.ComplementNB, naive_bayes.BernoulliNB)

CASES = [
    *_both(_LDA, DIRECTIONS),
    *_both(_LDA, SHARES, "least squares", solver="lsqr", shrinkage="auto"),
    *_both(_LDA, DIRECTIONS, "eigenvalues", solver="eigen"),
    *_both(discriminant_analysis.QuadraticDiscriminantAnalysis, SHARES),
    *_both(
        discriminant_analysis.QuadraticDiscriminantAnalysis,
        SHARES,
        "regularised",
        reg_param=0.3,
    ),
    *_both(naive_bayes.GaussianNB, SHARES),
    *(case for kind in _COUNTS for case in _both(kind, SHARES, positive=True)),
    *(
        case
        for kind in _COUNTS
        for case in _both(kind, SHARES, "no prior", positive=True, fit_prior=False, alpha=0.1)
    ),
    *_both(naive_bayes.ComplementNB, SHARES, "normalised", positive=True, norm=True),
    *_both(naive_bayes.BernoulliNB, SHARES, "threshold 2", positive=True, binarize=2.0),
    *_both(neighbors.NearestCentroid, NEAREST),
    *_both(neighbors.NearestCentroid, NEAREST, "shrunken", shrink_threshold=0.2),
    *_both(neighbors.NearestCentroid, SHARES, "priors", priors="empirical"),
    *_both(neighbors.NearestCentroid, CLASSES, "manhattan", metric="manhattan"),
    *_both(
        neighbors.NearestCentroid,
        CLASSES,
        "manhattan, priors",
        metric="manhattan",
        priors="empirical",
    ),
    *(_case(kind, "clusters", None, CLUSTERS, n_clusters=5, random_state=0) for kind in _KMEANS),
    *(_case(kind, "one cluster", None, CLUSTERS, n_clusters=1, random_state=0) for kind in _KMEANS),
    *(
        _case(
            kind,
            covariance,
            None,
            MIXTURES,
            n_components=3,
            covariance_type=covariance,
            random_state=0,
        )
        for kind in _MIXTURES
        for covariance in ("full", "tied", "diag", "spherical")
    ),
    _case(
        mixture.BayesianGaussianMixture,
        "Dirichlet distribution",
        None,
        MIXTURES,
        n_components=4,
        weight_concentration_prior_type="dirichlet_distribution",
        random_state=0,
    ),
]


def _categories(*, prior: bool = True, alpha: float = 1.0, target: Target = four) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = np.abs(np.round(rng.normal(size=(ROWS, 5)) * [1, 2, 3, 0.3, 5]))
        source = fit(
            naive_bayes.CategoricalNB, {"fit_prior": prior, "alpha": alpha}, x, target(x, rng)
        )
        rows = x[rng.integers(0, ROWS, 257)]
        # Cut to integers, as scikit-learn casts them.
        rows[:100] += rng.random((100, 5)) * 0.999
        rows[:3, 0], rows[3, 1] = -0.9, -0.0
        return source, np.minimum(rows, x.max(axis=0))

    return make


EXACT = SHARES | {"prediction": LABELS, "margin": EQUAL}
CASES += [
    Case("CategoricalNB", "two classes", _categories(target=two), EXACT),
    Case("CategoricalNB", "several classes", _categories(), EXACT),
    Case("CategoricalNB", "no prior", _categories(prior=False, alpha=0.5), EXACT),
]


def _nan(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(40, 3))
    return neighbors.NearestCentroid().fit(x, x[:, 0] > 0).set_params(metric="cosine")


def _neighbors(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(40, 3))
    return neighbors.KNeighborsClassifier().fit(x, x[:, 0] > 0)


def _process(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(40, 3))
    return GaussianProcessRegressor().fit(x, x[:, 0])


REFUSALS = [
    Refusal(
        "NearestCentroid with another metric than euclidean and manhattan",
        _nan,
        "metric='cosine'",
        "use metric='euclidean' or metric='manhattan'",
    ),
    Refusal("nearest neighbours", _neighbors, "KNeighborsClassifier", "use a fitted tree ensemble"),
    Refusal(
        "Gaussian processes and KernelRidge",
        _process,
        "GaussianProcessRegressor",
        "use BayesianRidge",
    ),
]
