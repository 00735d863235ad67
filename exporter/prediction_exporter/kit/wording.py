"""Figures as people write them, in Prometheus' template language: 14,560 and not 14560.000, 31 % and not 0.3123.

The language has neither arithmetic nor a thousands separator. Each way to write a figure is a named template of operations on
text, which an annotation defines where it uses it; what is to be multiplied is multiplied by the query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Format:
    """A way to write a figure.

    Attributes:
        name: of the template.
        body: writes ``.``, a number where nothing else is said.
        factor: what the query multiplies the figure by.
    """

    name: str
    body: str
    factor: int = 1

    def of(self, value: str) -> str:
        """Return a template that writes a value.

        >>> COUNT.of("$value")
        '{{ template "count" $value }}'
        """
        return f'{{{{ template "{self.name}" {value} }}}}'

    def of_unscaled(self, value: str) -> str:
        """Return a template that writes a value which comes from no query of :meth:`scaled`."""
        if self.factor == 1:
            return self.of(value)
        # Not `query ... | first`: a ruler that tries templates when it loads them has no answer then.
        return f'{{{{ range query (printf "{self.factor} * %v" {value}) }}}}{self.of(".Value")}{{{{ end }}}}'

    def scaled(self, expr: str) -> str:
        """Return the query of a figure that is written so.

        >>> PERCENT.scaled("a / b")
        '100 * (a / b)'
        """
        return expr if self.factor == 1 else f"{self.factor} * ({expr})"


def _number(name: str, body: str, factor: int = 1) -> Format:
    # Only NaN differs from itself.
    return Format(name=name, body=f"{{{{ if eq . . }}}}{body}{{{{ else }}}}unknown{{{{ end }}}}", factor=factor)


_SEPARATED = ' | reReplaceAll "^(-?[0-9]+)([0-9]{3})" "$1,$2"'
#: Digits in a text, with separators; four of them are enough for what is not written with an exponent.
GROUPED = Format(name="grouped", body="{{ ." + _SEPARATED * 4 + " }}")


def _fixed(value: str, decimals: int) -> str:
    """Return a template that writes a value with so many decimals, and no minus before a zero."""
    return GROUPED.of(f'(printf "%.{decimals}f" {value} | reReplaceAll "^-(0[.]?0*)$" "$1")')


COUNT = _number("count", _fixed(".", 0))
#: Two decimals, or two digits of a small one: none is written as 0.
NUMBER = _number("number", '{{ if ge . 0.1 }}{{ printf "%.2f" . }}{{ else }}{{ printf "%.2g" . }}{{ end }}')
#: Of a measure in whatever unit: three digits, four where a ratio is almost 1, and no exponent where errors are in thousands.
FIGURE = _number(
    "figure",
    '{{ if or (ge . 1e15) (le . -1e15) }}{{ printf "%.4g" . }}'
    f"{{{{ else if or (ge . 999.5) (le . -999.5) }}}}{_fixed('.', 0)}"
    '{{ else if and (ge . 0.99) (lt . 1.0) }}{{ printf "%.4g" . }}{{ else }}{{ printf "%.3g" . }}{{ end }}',
)
#: To the cent, whatever the currency: of some it is a fraction that nobody pays, and none is written as less than it is.
MONEY = _number("money", _fixed(".", 2))
PERCENT = _number("percent", '{{ printf "%.3g" . }} %', 100)
#: Of objectives: 99.95 % must not become 100 %.
EXACT_PERCENT = _number("exact percent", '{{ printf "%.6g" . }} %', 100)
#: Of bins and categories, of which two are compared at a glance.
SHARE = _number("share", '{{ if ge . 9.95 }}{{ printf "%.0f" . }}{{ else }}{{ printf "%.2g" . }}{{ end }} %', 100)
BYTES = _number("bytes", '{{ humanize1024 . | reReplaceAll "^([^A-Z]*)(.*)$" "${1} ${2}B" }}')
#: The two largest units, and of them none that is nothing: 15m and 4d 2h, not 15m 0s and 4d 2h 10m 0s.
DURATION = _number(
    "duration",
    '{{ humanizeDuration . | reReplaceAll "^(-?[0-9]+[dhm] [0-9]+[hms]) .*$" "$1" | reReplaceAll " 0[hms]$" "" }}',
)

#: Of ``args VALUE SPREAD``: to a tenth of the spread or better, and four digits where the spread is tiny or none.
MEASURE = Format(
    name="measure",
    body=(
        '{{ if or (ge .arg0 1e15) (le .arg0 -1e15) }}{{ printf "%.4g" .arg0 }}'
        f"{{{{ else if ge .arg1 10.0 }}}}{_fixed('.arg0', 0)}"
        f"{{{{ else if ge .arg1 1.0 }}}}{_fixed('.arg0', 1)}"
        f"{{{{ else if ge .arg1 0.1 }}}}{_fixed('.arg0', 2)}"
        f"{{{{ else if ge .arg1 0.01 }}}}{_fixed('.arg0', 3)}"
        f"{{{{ else if or (ge .arg0 1000.0) (le .arg0 -1000.0) }}}}{_fixed('.arg0', 0)}"
        '{{ else }}{{ printf "%.4g" .arg0 }}{{ end }}'
    ),
)
#: Of a shift of the mean in standard deviations of the baseline; infinite where it has none.
SHIFT = Format(
    name="shift",
    body=(
        '{{ $size := printf "%.1f" . | reReplaceAll "^[+-]" "" }}{{ if gt . 0.0 }}up{{ else }}down{{ end }} '
        '{{ if eq $size "Inf" }}from a constant'
        f"{{{{ else if or (ge . 9.95) (le . -9.95) }}}}{GROUPED.of('($size | reReplaceAll `[.].*` ``)')} sd"
        "{{ else }}{{ $size }} sd{{ end }}"
    ),
)
_BLOCKS = 10
#: Of a share of the largest, from 0 to 1, as a bar of ten blocks: what is listed has one at least.
BAR = Format(
    name="bar",
    body="".join(
        f"{{{{ if ge . {(full - 0.5) / _BLOCKS:g} }}}}{'█' * full}{'░' * (_BLOCKS - full)}{{{{ else }}}}"
        for full in range(_BLOCKS, 1, -1)
    )
    + f"█{'░' * (_BLOCKS - 1)}"
    + "{{ end }}" * (_BLOCKS - 1),
)
_SPACED = '. | reReplaceAll "_ratio$" "" | reReplaceAll "_" " " | reReplaceAll "(^| )r2( |$)" "${1}R2$2"'
_SPACED += "".join(f' | reReplaceAll "^{name.lower()}" "{name}"' for name in ("F1", "Brier", "Matthews"))
#: Of a measure's key: ROC AUC and balanced accuracy, and not roc_auc and balanced_accuracy_ratio.
NAME = Format(
    name="name",
    body=(
        f'{{{{ if match "^(roc_auc|rmse|mae|mape|ndcg)" . }}}}{{{{ {_SPACED} | toUpper }}}}'
        f"{{{{ else }}}}{{{{ {_SPACED} }}}}{{{{ end }}}}"
    ),
)
FORMATS = (GROUPED, COUNT, NUMBER, FIGURE, MONEY, PERCENT, EXACT_PERCENT, SHARE, BYTES, DURATION, MEASURE, SHIFT, BAR, NAME)


def ranked(listed: str, entry: str) -> str:
    """Return a template that lists a query's series, the largest first, each with a bar where there are several.

    Args:
        listed: the query, sorted.
        entry: writes ``$each``, one of its series.
    """
    bar = f'{{{{ range query (printf "vector(%v / %v)" $each.Value $most) }}}}{BAR.of(".Value")}{{{{ end }}}} '
    return (
        f"{{{{ $listed := {listed} }}}}{{{{ $most := 0.0 }}}}{{{{ range $i, $each := $listed }}}}"
        "{{ if $i }}, {{ else }}{{ $most = $each.Value }}{{ end }}"
        f"{{{{ if gt (len $listed) 1 }}}}{bar}{{{{ end }}}}{entry}{{{{ end }}}}"
    )


def defined(text: str) -> str:
    """Return a template with the definitions of the formats that it uses in front."""
    used: set[str] = set()
    parts = [text]
    while parts:
        new = set(re.findall(r'\{\{ template "([^"]+)"', parts.pop())) - used
        used |= new
        parts += [each.body for each in FORMATS if each.name in new]
    definitions = "".join(f'{{{{ define "{each.name}" }}}}{each.body}{{{{ end }}}}' for each in FORMATS if each.name in used)
    return definitions + text
