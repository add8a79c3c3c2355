"""The settings of the service, from environment variables that begin with PHENOEXTRACT_."""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from phenoextract.errors import ConfigError

_MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """How one installation of the service runs; nothing here changes what is proposed for a letter."""

    model_config = SettingsConfigDict(
        env_prefix="PHENOEXTRACT_", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
    workers: Annotated[int, Field(ge=1, description="Processes that code letters; they share one model.")] = 1
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/\s?#]+$",
            description="Address that browsers use where it is not the one listened on, such as "
            "https://phenotypes.example.nhs.uk; with https, cookies and headers are set for it.",
        ),
    ] = None
    index: Annotated[Path | None, Field(description="Folder of the compiled index; by default the current one.")] = None
    data_dir: Annotated[
        Path, Field(description="Folder of the database and its key where none is set.", validate_default=True)
    ] = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "phenoextract"

    requests_enabled: Annotated[bool, Field(description="Keep test requests; without, no letter is stored.")] = True
    database_url: Annotated[
        SecretStr | None,
        Field(description="SQLAlchemy URL of SQLite or PostgreSQL; by default an SQLite file in data_dir."),
    ] = None
    encryption_key: Annotated[
        SecretStr | None,
        Field(
            description="Keys that encrypt letters at rest, separated by commas; the first encrypts, all decrypt. "
            "`phenoextract store new-key` prints one."
        ),
    ] = None
    encryption_key_file: Annotated[
        Path | None,
        Field(description="File of these keys, one a line; by default encryption.key in data_dir, made at need."),
    ] = None
    retention_days: Annotated[int, Field(ge=1, description="Days after which a request's letter is purged.")] = 90
    test_code_systems: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="Code systems that a test code may have, as JSON."),
    ] = (
        "https://fhir.nhs.uk/CodeSystem/England-DigitalGenomicTestService",
        "https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory",
    )
    absent_coding: Annotated[
        Literal["not-detected", "absent"],
        Field(description="SNOMED CT code of an absent phenotype in FHIR: 260415000 or 2667000."),
    ] = "not-detected"
    shortcuts: Annotated[bool, Field(description="Single-letter keys on the review page, until a user decides.")] = True

    monitoring_baseline_from: Annotated[
        datetime.date | None,
        Field(description="Day from which weeks may be the baseline of monitoring, such as the start of a release."),
    ] = None
    monitoring_baseline_weeks: Annotated[
        int, Field(ge=4, description="Weeks of the baseline: the first with enough cases from that day on.")
    ] = 8
    monitoring_least: Annotated[
        int, Field(ge=1, description="Fewest cases of which monitoring gives a figure, and patients behind a phrase.")
    ] = 5

    authentication: Annotated[
        Literal["auto", "required"],
        Field(
            description="auto lets requests of this machine in as its user, unless other machines can reach the "
            "service, or OpenID Connect or public_url is set."
        ),
    ] = "auto"
    oidc_issuer: Annotated[str | None, Field(description="Issuer of the bearer tokens to accept.")] = None
    oidc_audience: Annotated[str | None, Field(description="Audience that these tokens must name.")] = None
    oidc_jwks: Annotated[
        str | None, Field(description="File or https URL of the issuer's public keys (a JWK set).")
    ] = None
    oidc_role_claim: Annotated[
        str, Field(description="Claim that lists the roles clerk, pipeline, researcher, admin; dots go deeper.")
    ] = "roles"
    oidc_name_claim: Annotated[str, Field(description="Claim that names the user in the audit.")] = "sub"
    session_hours: Annotated[float, Field(gt=0, le=24, description="Hours until a browser must sign in again.")] = 8

    max_body_bytes: Annotated[
        int, Field(ge=1024, description="Largest request body, and largest line of a stream.")
    ] = 10 * _MEBIBYTE
    max_text_chars: Annotated[int, Field(ge=1, description="Longest text of one document, in code points.")] = 200_000
    max_waiting: Annotated[
        int, Field(ge=1, description="Letters that may wait for a worker process before it answers 503.")
    ] = 64
    time_limit: Annotated[
        int,
        Field(ge=1, description="Seconds after which a letter still being coded is answered with an error."),
    ] = 60
    rate_limit: Annotated[
        int, Field(ge=0, description="Requests a minute from one caller to one worker process; 0 is no limit.")
    ] = 6000
    shutdown_seconds: Annotated[int, Field(ge=1, description="Time to finish open requests when stopped.")] = 30
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(description="Least level logged.")] = (
        "info"
    )

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        given = [bool(value) for value in (self.oidc_issuer, self.oidc_audience, self.oidc_jwks)]
        if any(given) and not all(given):
            raise ValueError("oidc_issuer, oidc_audience and oidc_jwks go together")
        return self

    @property
    def uses_oidc(self) -> bool:
        """Tell whether bearer tokens of an issuer are accepted."""
        return self.oidc_issuer is not None

    @property
    def listens_beyond_loopback(self) -> bool:
        """Tell whether other machines can reach the address that is listened on."""
        return not is_loopback(self.host)

    @property
    def open_to_this_machine(self) -> bool:
        """Tell whether requests from this machine need no key or token."""
        return not (
            self.authentication == "required" or self.listens_beyond_loopback or self.uses_oidc or self.public_url
        )

    @property
    def keeps_store(self) -> bool:
        """Tell whether there is anything to store: requests, or the API keys that are the way in."""
        return self.requests_enabled or not (self.uses_oidc or self.open_to_this_machine)

    @property
    def store_url(self) -> str:
        """Give the URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.expanduser() / 'phenoextract.db'}"

    @property
    def key_file(self) -> Path:
        """Give the file of the encryption keys, where no key is set itself."""
        return (self.encryption_key_file or self.data_dir / "encryption.key").expanduser()


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only; a name other than localhost counts as not."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` go before the environment. Raises ConfigError, which quotes no value."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(
            f"PHENOEXTRACT_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" if fault["loc"] else fault["msg"]
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigError(wrong) from None
