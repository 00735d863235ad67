"""A surrogate of the model: what part of its output each feature carries, by permutation on the baseline's own rows.

Gradient boosted trees learn the output from the features on one half of a sample; on the other half, one column after the
other is permuted. What that adds to the mean squared error is the column's: of an output that is a sum of independent terms,
twice the variance of its term. Then the halves change places. Columns that say the same are permuted together and share what
they carry: which of them the model reads, nobody can tell from its output.

References:
    Gregorutti, Michel, Saint-Pierre, Grouped variable importance with random forests, 2015.
    Breiman, Random forests, 2001, section 10.
    Fisher, Rudin, Dominici, All models are wrong, but many are useful: learning a variable's importance, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse import csgraph

from prediction_exporter.baseline.columns import Profiled
from prediction_exporter.baseline.record import ImportanceRecord
from prediction_exporter.counting.layout import Kind, Role
from prediction_exporter.errors import BaselineError

Floats = NDArray[np.float64]

#: Rows that the surrogate sees at most, and those without which it says nothing.
MOST_ROWS, LEAST_ROWS = 20_000, 200

#: What part of the output's variance it must explain: of what is left, nobody knows whose it is.
LEAST_EXPLAINED = 0.5

#: Categories that are told apart, the most frequent; the rest are one.
MOST_CATEGORIES = 250

#: Classes that are told apart, the most frequent; the rest are one.
MOST_CLASSES = 10

#: Rows of each of a column's categories, on average, without which the surrogate cannot tell them apart.
LEAST_OF_CATEGORY = 30

#: The part of values at each end of a numeric prediction that counts as no further out: one row must not be all the variance.
WINSOR = 0.005

#: The rank correlation from which on two columns say the same.
ALIKE = 0.9

#: How often each column is permuted, and the seed: the same data gives the same file.
REPEATS, SEED = 2, 20_241

#: Columns that a line names.
_SHOWN = 8

MISSING = "--importance needs scikit-learn: pip install 'prediction-exporter[importance]'"


def refuse_without_scikit_learn() -> None:
    """Do nothing where scikit-learn is installed.

    Raises:
        BaselineError: it is not.
    """
    try:
        import sklearn.ensemble  # noqa: F401 - whether it can be imported
    except ImportError as error:
        raise BaselineError(MISSING) from error


@dataclass(eq=False)
class Sample:
    """Rows of a table, taken column by column while the baseline is built.

    Args:
        rows: of the table.
    """

    rows: int
    features: dict[str, Floats] = field(default_factory=dict)
    categorical: set[str] = field(default_factory=set)
    outputs: dict[str, tuple[Role, Kind, Floats]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(SEED)
        self._taken = np.sort(rng.permutation(self.rows)[:MOST_ROWS])

    def take(self, one: Profiled) -> None:
        """Take a column's values: numbers, or the rank of a category by how frequent it is; NaN where there is none."""
        column = one.column
        if one.events is None or column.kind is Kind.PRESENCE:
            return
        series = one.events.columns[column.name].gather(self._taken)
        if column.kind is Kind.NUMERIC:
            values = series.to_numpy().astype(np.float64)
        else:
            # Equal counts in the order of the text, as in the table of categories.
            counted = sorted(series.drop_nulls().value_counts().rows(), key=lambda row: (-row[1], row[0]))
            codes = {text: min(code, MOST_CATEGORIES) for code, (text, _) in enumerate(counted)}
            values = np.array([codes.get(text, np.nan) for text in series.to_list()], np.float64)
        if column.role is Role.FEATURE:
            self.features[column.name] = values
            if column.kind is Kind.CATEGORICAL:
                self.categorical.add(column.name)
        elif not column.is_derived:
            self.outputs[column.name] = column.role, column.kind, values


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a surrogate learns.

    Attributes:
        name: what it is called in messages.
        values: float64 (N,), a number or the number of a class; NaN where there is none.
        classes: whether they are classes.
    """

    name: str
    values: Floats
    classes: bool


def output_of(sample: Sample) -> Output | None:
    """Return the output that there is: the one score, or the class of the highest of several, or the prediction."""
    outputs = sample.outputs.items()
    scores = {name: values for name, (role, kind, values) in outputs if role is Role.SCORE and kind is Kind.NUMERIC}
    predictions = [(name, kind, values) for name, (role, kind, values) in outputs if role is Role.PREDICTION]
    if 0 < len(scores) <= 2:  # noqa: PLR2004 - of two classes either score says the other
        name, values = list(scores.items())[-1]
        return Output(name=name, values=values, classes=False)
    if scores:
        of_classes = np.stack(list(scores.values()))
        known = np.isfinite(of_classes).any(axis=0)
        highest = np.where(np.isfinite(of_classes), of_classes, -np.inf).argmax(axis=0).astype(np.float64)
        return Output(name="the class of the highest score", values=np.where(known, highest, np.nan), classes=True)
    for name, kind, values in predictions:
        if kind is Kind.CATEGORICAL:
            return Output(name=name, values=np.minimum(values, MOST_CLASSES), classes=True)
        if len(finite := values[np.isfinite(values)]):
            return Output(name=name, values=np.clip(values, *np.quantile(finite, (WINSOR, 1 - WINSOR))), classes=False)
    return None


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a surrogate says.

    Attributes:
        record: what the file keeps; None where it says too little.
        words: for the person who builds the baseline.
    """

    record: ImportanceRecord | None
    words: str


def learn(sample: Sample) -> Learnt:
    """Return what part of the output each feature of a sample carries."""
    from threadpoolctl import threadpool_limits

    output = output_of(sample)
    names = [name for name, values in sample.features.items() if len(np.unique(values[np.isfinite(values)])) > 1]
    if output is None:
        return _nothing("the data has neither a score nor a prediction")
    known = np.isfinite(output.values)
    if not names:
        return _nothing("no feature that has a distribution varies")
    if known.sum() < LEAST_ROWS:
        return _nothing(f"{known.sum():,} rows with {output.name} are too few ({LEAST_ROWS} are needed)")
    target = output.values[known]
    if len(np.unique(target)) == 1:
        return _nothing(f"{output.name} is the same in all rows")
    features = np.column_stack([sample.features[name][known] for name in names])
    groups = _alike(features)
    categorical = [name in sample.categorical for name in names]
    # On one thread sums are the same wherever they are made; on several they wait for each other where cores are busy.
    with threadpool_limits(1):
        explained, added = _permuted(features, target, categorical, groups, classes=output.classes)
    told = f"a surrogate that learnt {output.name} from the features explains {max(explained, 0.0):.0%} of it"
    if explained < LEAST_EXPLAINED or added.sum() <= 0:
        return _nothing(f"{told}, and {LEAST_EXPLAINED:.0%} are needed")
    added = np.where(_is_told(sample, names, len(target), added), added, np.nan)
    of_names = np.round(added / np.nansum(added), 3).tolist()
    parts = {name: part for name, part in zip(names, of_names, strict=True) if not np.isnan(part)}
    record = ImportanceRecord(explains=round(min(explained, 1.0), 3), features=parts)
    same = [" and ".join(names[place] for place in group) for group in groups if len(group) > 1]
    shared = f"; these say the same and share what they carry: {', '.join(same[:_SHOWN])}" if same else ""
    return Learnt(record=record, words=f"importance: {_listed(parts)}; {told}{shared}")


def _is_told(sample: Sample, names: Sequence[str], rows: int, added: Floats) -> NDArray[np.bool_]:
    """Return whether the surrogate could tell what each column carries, bool (K,).

    Of many categories it has seen few rows each; from an equal part on it has told something of these, too.
    """
    most = rows / 2 / LEAST_OF_CATEGORY
    many = [name in sample.categorical and len(np.unique(sample.features[name])) > most for name in names]
    told: NDArray[np.bool_] = ~np.array(many) | (added >= added.sum() / len(names))
    return told


def _nothing(why: str) -> Learnt:
    return Learnt(record=None, words=f"importance is not known: {why}")


def _listed(parts: Mapping[str, float]) -> str:
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {part:.1%}" for name, part in ordered[:_SHOWN])
    rest = [part for _, part in ordered[_SHOWN:]]
    return f"{shown} and {len(rest)} more {sum(rest):.1%}" if rest else shown


def _alike(features: Floats) -> list[list[int]]:
    """Return the columns in groups: in one are those that say the same, directly or by another of it."""
    ranks = np.apply_along_axis(stats.rankdata, 0, np.where(np.isfinite(features), features, np.inf))
    # Missing values have the mean rank: they say neither one nor the other.
    ranks[~np.isfinite(features)] = np.nan
    ranks -= np.nanmean(ranks, axis=0)
    ranks = np.nan_to_num(ranks)
    ranks /= np.sqrt((ranks**2).sum(axis=0))
    count, group_of = csgraph.connected_components(np.abs(ranks.T @ ranks) >= ALIKE, directed=False)
    return [np.flatnonzero(group_of == group).tolist() for group in range(count)]


def _permuted(
    features: Floats, target: Floats, categorical: Sequence[bool], groups: Sequence[Sequence[int]], *, classes: bool
) -> tuple[float, Floats]:
    """Return what part of a target's variance is explained on rows that were left out, and what permuting each column adds.

    Args:
        features: (N, K), NaN where a value is missing.
        target: (N,).
        categorical: whether each column has categories.
        groups: columns that are permuted together, and share what that adds.
        classes: whether the target's numbers are classes.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rng = np.random.default_rng(SEED)
    halves = np.array_split(rng.permutation(len(target)), 2)
    labels = np.unique(target)
    wanted = (target[:, None] == labels).astype(np.float64) if classes else target[:, None]
    error, spread, added = 0.0, 0.0, np.zeros(features.shape[1])
    for learns, tells in (halves, halves[::-1]):
        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        model = kind(categorical_features=list(categorical), early_stopping=False, random_state=SEED)
        model.fit(features[learns], target[learns])

        def missed(rows: Floats, model: object = model, truth: Floats = wanted[tells]) -> float:
            return _squared_error(model, rows, truth, labels if classes else None)

        rows = features[tells].copy()
        whole = missed(rows)
        error += whole
        spread += float(((wanted[tells] - wanted[learns].mean(axis=0)) ** 2).sum())
        for group in groups:
            own = rows[:, group].copy()
            for _ in range(REPEATS):
                rows[:, group] = rng.permutation(own)
                added[group] += (missed(rows) - whole) / REPEATS / len(group)
            rows[:, group] = own
    return 1.0 - error / spread, np.maximum(added, 0.0)


def _squared_error(model: object, rows: Floats, truth: Floats, labels: Floats | None) -> float:
    """Return the squared error of a model's numbers, or of its chances of the classes, summed over the rows."""
    if labels is None:
        told = model.predict(rows)[:, None]  # type: ignore[attr-defined]  # scikit-learn has no types
    else:
        told = np.zeros_like(truth)
        told[:, np.searchsorted(labels, model.classes_)] = model.predict_proba(rows)  # type: ignore[attr-defined]  # as above
    return float(((told - truth) ** 2).sum())
