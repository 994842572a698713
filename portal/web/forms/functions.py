"""Functions and versions, in the units that people use."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from portal.accounts.names import validate_name
from portal.functions.drafts import (
    ARCHITECTURES,
    MAX_DESCRIPTION,
    MAX_PRICE_NANO_PER_MS,
    MAX_RATE_PER_MINUTE,
    FunctionDraft,
    VersionDraft,
)
from portal.functions.images import MAX_LINK
from portal.functions.models import Access, FunctionVersion
from portal.providers.queries import AskedPrices
from portal.web.forms.base import CreditsField, PageForm
from wire.limits import BOUNDS, INLINE_MAX_BYTES, KIB, Limits
from wire.money import cost_of

_DEFAULTS = Limits()
#: Well above what providers ask for as long as they do not say otherwise (`chainfaas-agent enroll --price`).
DEFAULT_CEILING_NANO_PER_MS = 20
DEFAULT_BUDGET_MICRO = 1_000_000
#: A budget that is proposed pays for so many runs at the full timeout.
_PROPOSED_RUNS = 100
#: What the form, a draft and a version call and count alike.
_SAME = ("image_link", "architecture", "output_type", "price_ceiling_nano_per_ms", "get_allowed", "rate_per_minute")
_ACCESS = [
    (Access.OWNER.value, "Only me: with one of my tokens"),
    (Access.TOKEN.value, "Accounts: with a token of any account"),
    (Access.PUBLIC.value, "Everyone: without a token, within the rate and the daily budget below"),
]


def _whole(limit: str, *, unit: int = 1, **kwargs: Any) -> forms.IntegerField:
    low, high = (bound // unit for bound in BOUNDS[limit])
    return forms.IntegerField(min_value=low, max_value=high, initial=getattr(_DEFAULTS, limit) // unit, **kwargs)


class VersionForm(PageForm):
    """Image, limits, price, who may call."""

    renamed: ClassVar[Mapping[str, str]] = {
        "timeout_ms": "timeout_seconds",
        "input_bytes": "input_kib",
        "output_bytes": "output_kib",
        "budget_micro_per_day": "budget_per_day",
    }

    image_link = forms.CharField(
        label="Image link",
        max_length=MAX_LINK,
        help_text="registry/name:tag or registry/name@sha256:…, such as docker.io/library/python:3.12-slim. "
        "The registry is asked now, and exactly the image that it shows now is what will run.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    architecture = forms.ChoiceField(
        label="Processor type", choices=[(name, name) for name in ARCHITECTURES], help_text="Of the image."
    )
    output_type = forms.CharField(
        label="Content type of the result", max_length=100, initial="text/plain; charset=utf-8"
    )
    environment = forms.CharField(
        label="Environment variables",
        required=False,
        strip=False,
        max_length=32 * KIB,
        help_text="One NAME=value a line. Not for secrets: providers can read them.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    memory_mb = _whole("memory_mb", label="Memory, MB", help_text="Without swap.")
    cpu_millis = _whole("cpu_millis", label="Processor, thousandths", help_text="1000 is one whole processor.")
    timeout_seconds = forms.DecimalField(
        label="Timeout, seconds",
        min_value=BOUNDS["timeout_ms"][0] / 1000,
        max_value=BOUNDS["timeout_ms"][1] // 1000,
        decimal_places=3,
        initial=_DEFAULTS.timeout_ms // 1000,
        help_text="A run that takes longer is stopped, and paid.",
    )
    processes = _whole("processes", label="Processes", help_text="Threads count too.")
    input_kib = _whole("input_bytes", unit=KIB, label="Largest input, KiB", help_text="Of a request's body.")
    output_kib = _whole("output_bytes", unit=KIB, label="Largest output, KiB", help_text="At least 1.")
    price_ceiling_nano_per_ms = forms.IntegerField(
        label="Price ceiling",
        min_value=0,
        max_value=MAX_PRICE_NANO_PER_MS,
        initial=DEFAULT_CEILING_NANO_PER_MS,
        help_text="Nano-credits a millisecond. No provider that asks more runs it; you pay what the provider asks.",
    )
    budget_per_day = CreditsField(
        label="Daily budget, credits",
        initial=DEFAULT_BUDGET_MICRO,
        help_text="What all calls of one day (UTC) may cost together. Calls beyond it are refused.",
    )
    access = forms.ChoiceField(
        label="Who may call", choices=_ACCESS, initial=Access.OWNER.value, widget=forms.RadioSelect
    )
    get_allowed = forms.BooleanField(
        label="Also answer GET", required=False, help_text="The query string becomes the input."
    )
    rate_per_minute = forms.IntegerField(
        label="Calls a minute",
        min_value=1,
        max_value=MAX_RATE_PER_MINUTE,
        initial=60,
        help_text="Of all callers together.",
    )

    def clean_environment(self) -> dict[str, str]:
        """Return the variables."""
        variables: dict[str, str] = {}
        for line in self.cleaned_data["environment"].splitlines():
            name, equals, value = line.partition("=")
            if not line.strip():
                continue
            if not equals:
                raise forms.ValidationError(f"{line[:60]!r}: write NAME=value.")
            variables[name.strip()] = value
        return variables

    def clean_output_kib(self) -> int:
        """Return the largest output; its bound in bytes is 1, which is no whole KiB."""
        count = int(self.cleaned_data["output_kib"])
        if count < 1:
            raise forms.ValidationError("Choose at least 1.")
        return count

    def draft(self) -> VersionDraft:
        """Return what was asked for."""
        values = self.cleaned_data
        return VersionDraft(
            **{name: values[name] for name in _SAME},
            budget_micro_per_day=values["budget_per_day"],
            limits=Limits(
                memory_mb=values["memory_mb"],
                cpu_millis=values["cpu_millis"],
                timeout_ms=int(values["timeout_seconds"] * 1000),
                processes=values["processes"],
                input_bytes=values["input_kib"] * KIB,
                output_bytes=values["output_kib"] * KIB,
            ),
            environment=values["environment"],
            access=Access(values["access"]),
        )


def initial_of(version: FunctionVersion) -> dict[str, Any]:
    """Return a version as the form shows it: the next one begins with what the last one said."""
    return {name: getattr(version, name) for name in (*_SAME, "memory_mb", "cpu_millis", "processes", "access")} | {
        "environment": "".join(f"{name}={value}\n" for name, value in sorted(version.environment.items())),
        "timeout_seconds": f"{version.timeout_ms / 1000:g}",
        "input_kib": version.input_bytes // KIB,
        "output_kib": max(1, version.output_bytes // KIB),
        "budget_per_day": version.budget_micro_per_day,
    }


def first_prices(asked: AskedPrices) -> dict[str, int]:
    """Return a price ceiling that every provider online keeps, and a budget that lets calls through at that price."""
    ceiling = max(DEFAULT_CEILING_NANO_PER_MS, asked.highest or 0)
    full = cost_of(run_ms=_DEFAULTS.timeout_ms, price_nano_per_ms=ceiling)
    budget = max(DEFAULT_BUDGET_MICRO, _PROPOSED_RUNS * full)
    return {"price_ceiling_nano_per_ms": ceiling, "budget_per_day": budget}


class FunctionForm(VersionForm):
    """A function with its first version."""

    name = forms.CharField(
        max_length=39,
        validators=[validate_name],
        help_text="1 to 39 lower-case letters, digits and hyphens, such as word-count. It is part of the address.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}),
    )
    description = forms.CharField(max_length=MAX_DESCRIPTION, required=False, help_text="For yourself; optional.")

    def function_draft(self) -> FunctionDraft:
        """Return what was asked for."""
        values = self.cleaned_data
        return FunctionDraft(name=values["name"], description=values["description"], version=self.draft())


class RunForm(PageForm):
    """One call from the browser."""

    input = forms.CharField(
        required=False,
        strip=False,
        max_length=INLINE_MAX_BYTES,
        help_text="The function gets it on standard input. Files: use the command on the function's page.",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )
    input_type = forms.RegexField(
        r"^[\x20-\x7e]+$",
        label="Content type",
        max_length=100,
        initial="text/plain; charset=utf-8",
        error_messages={"invalid": "Use a content type such as text/plain."},
    )


class DeleteForm(PageForm):
    """The function's name, typed again."""

    name = forms.CharField(max_length=39)


class NumberForm(PageForm):
    """A version's number."""

    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)
