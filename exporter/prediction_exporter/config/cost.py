"""The section that says what a model costs: by rates, by a bill, or by both."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from prediction_exporter.config.predictions import BucketS3
from prediction_exporter.config.section import Section
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import (
    S3_PREFIX,
    DurationValue,
    Endpoint,
    FilePath,
    FilesPath,
    Flag,
    Matching,
    Names,
    Text,
    Url,
    between,
    refuse,
)

_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY "
    "COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP "
    "MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND "
    "VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)

#: The codes of ISO 4217 that money is counted in, those of funds and metals left out.
CURRENCIES = tuple(_CODES.split())

#: The most that a price may be, and the most decimals that it may have.
MOST_PRICE, MOST_DECIMALS = Decimal(10) ** 12, 12

CURRENCY_FORM = "a code of ISO 4217 such as USD, EUR or CHF"
PRICE_FORM = f"a number of at least 0 with at most {MOST_DECIMALS} decimals, without a currency"


def _currency(code: Any) -> Any:
    if isinstance(code, str) and code not in CURRENCIES:
        meant = suggest(code.upper(), CURRENCIES) if code.upper() in CURRENCIES else ""  # three letters resemble many others
        raise refuse(f"is no currency{meant}", CURRENCY_FORM)
    return code


def _price(value: Any) -> Decimal:
    """Return a price exactly as it was written: the shortest digits of a float are those of the file."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refuse("is no price", PRICE_FORM)
    try:
        price = Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation:
        raise refuse("is no price", PRICE_FORM) from None
    exponent = price.as_tuple().exponent
    if not isinstance(exponent, int) or not 0 <= price <= MOST_PRICE or exponent < -MOST_DECIMALS:
        raise refuse("is no price", PRICE_FORM)
    return price


Currency = Annotated[Text, Matching("[A-Z]{3}", "is no currency", CURRENCY_FORM), BeforeValidator(_currency)]
Price = Annotated[
    Decimal,
    BeforeValidator(_price),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
Amount = Literal["billed", "effective"]
Deliveries = Literal["all", "newest"]

#: Rates of what a section of the model has to tell: the section, and what it sees.
METERED: Mapping[str, tuple[str, str]] = {
    "per_cpu_second": ("process", "the CPU time of the model's process"),
    "per_gb_hour": ("process", "the memory of the model's process"),
    "per_gpu_hour": ("process", "the GPUs of the model's process"),
    "per_gb_stored": ("storage", "how much is stored for the model"),
    "per_retraining_run": ("retraining", "when the model is trained anew"),
}

#: Every rate, in the order of documentation.
RATES = ("per_hour", "per_1000_predictions", *METERED)


class Focus(Section):
    """A billing export in the FOCUS format, 1.0 to 1.4, as CSV or Parquet."""

    path: FilesPath = Field(
        description="Folder, file or glob, relative to the configuration file; or s3://BUCKET/PREFIX, whose credentials come "
        "from the environment or from AWS's usual files."
    )
    s3: BucketS3 | None = Field(None, description="Where the bucket is, for a path that begins with s3://.")
    tags: Mapping[Text, Text] = Field({}, description="Tags that a charge must have to be the model's, all of them.")
    resource_ids: tuple[Text, ...] = Field(
        (), description="Resources that are the model's, by their ids; * stands for any characters."
    )
    amount: Amount = Field(
        "billed", description="Which cost is counted: billed, as on the invoice, or effective, with what was prepaid spread."
    )
    component: Text = Field("ServiceCategory", description="Column whose values are the components of the cost.")
    deliveries: Deliveries = Field(
        "all",
        description="Whether all files count, or of each billing month only the folder that was written last: newest, for "
        "exports that write the month again and again into new folders.",
    )
    interval: Annotated[DurationValue, between("1s", "1d")] = Field(
        Duration.parse("15m"), description="Time between two looks at the files; 1s to 1d."
    )
    timeout: Annotated[DurationValue, between("100ms", "1h")] = Field(
        Duration.parse("5m"), description="Time after which reading has failed; 100ms to 1h."
    )

    @property
    def in_bucket(self) -> bool:
        """Whether the files are in a bucket and not in a folder."""
        return self.path.startswith(S3_PREFIX)


class OpenCost(Section):
    """An OpenCost, asked over HTTP what the model's workloads cost."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["filter"]}, {"required": ["names"]}]})

    url: Endpoint = Field(description="Address of its API, as http://opencost.opencost:9003; /allocation is put behind it.")
    aggregate: Text = Field(
        "namespace", description="What OpenCost adds costs up by: namespace, controller, label:app and others."
    )
    filter: Text | None = Field(None, description="OpenCost's own filter, as 'namespace:\"ml\"'; an old one does not know it.")
    names: Names | None = Field(
        None, description="Names in the answer that are the model's, of what aggregate says; * stands for any characters."
    )
    token_file: FilePath | None = Field(
        None, description="File with a bearer token, relative to the configuration file; it is read at each request."
    )
    ca_file: FilePath | None = Field(
        None, description="Certificates that the server's is checked with, instead of the usual ones."
    )
    proxy: Url | None = Field(None, description="Proxy to ask through; what HTTPS_PROXY and NO_PROXY say if absent.")
    interval: Annotated[DurationValue, between("1s", "1d")] = Field(
        Duration.parse("15m"), description="Time between two requests; 1s to 1d."
    )
    timeout: Annotated[DurationValue, between("100ms", "10m")] = Field(
        Duration.parse("30s"), description="Time after which an answer that is not whole has failed; 100ms to 10m."
    )

    @model_validator(mode="after")
    def _of_a_model(self) -> OpenCost:
        if self.filter is None and self.names is None:
            raise refuse("would count the whole cluster", "filter, names, or both, to say what the model's is")
        return self


class Cost(Section):
    """What a model costs: rates of what it uses, and one bill, of which the model's charges are taken.

    What rates give is counted as it is used. What was billed is taken as the bill says it, corrections and credits included.
    """

    currency: Currency = Field("USD", description="Currency of the rates, the budget and OpenCost, as ISO 4217 writes it.")
    per_hour: Price | None = Field(None, description="Price of an hour of each replica.")
    per_1000_predictions: Price | None = Field(None, description="Price of 1,000 requests that were answered.")
    per_cpu_second: Price | None = Field(None, description="Price of a second of CPU time that the model's process uses.")
    per_gb_hour: Price | None = Field(
        None, description="Price of a GB of memory for an hour; 1 GB is 2^30 bytes, as in the bills of clouds."
    )
    per_gpu_hour: Price | None = Field(None, description="Price of an hour of each GPU that the model's process uses.")
    per_gb_stored: Price | None = Field(
        None, description="Price of a GB that is stored for a month of 730 hours; 1 GB is 2^30 bytes."
    )
    per_retraining_run: Price | None = Field(None, description="Price of training the model once.")
    focus: Focus | None = Field(None, description="A billing export in the FOCUS format.")
    opencost: OpenCost | None = Field(None, description="An OpenCost, asked over HTTP.")
    shared: Flag = Field(
        True,
        description="Whether every replica reads the same bill; fleet rules then count it once. false: each reads its own.",
    )
    budget_per_month: Price | None = Field(
        None, description="What the model may cost in a calendar month in UTC, all replicas together."
    )

    @model_validator(mode="after")
    def _of_something(self) -> Cost:
        if self.focus is not None and self.opencost is not None:
            raise refuse("has two bills, which may be of the same charges", "one of focus and opencost")
        if not self.rates and self.bill is None:
            raise refuse("does not say what anything costs", f"one or several of {', '.join((*RATES, 'focus', 'opencost'))}")
        return self

    @property
    def rates(self) -> Mapping[str, Decimal]:
        """The prices by their keys, of those that are set."""
        prices = {key: getattr(self, key) for key in RATES}
        return {key: price for key, price in prices.items() if price is not None}

    @property
    def bill(self) -> Focus | OpenCost | None:
        """Where billed amounts are read, if anywhere."""
        return self.focus or self.opencost

    @property
    def files(self) -> Mapping[str, Path | None]:
        """Files that are to be there, by their keys."""
        if self.opencost is None:
            return {}
        return {"opencost.token_file": self.opencost.token_file, "opencost.ca_file": self.opencost.ca_file}
