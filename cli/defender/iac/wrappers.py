"""Handlers that belong to another product's wrapper, and the variable that names the user's own.

A wrapper is known by its handler setting alone. Products that start through AWS_LAMBDA_EXEC_WRAPPER
(OpenTelemetry, Dynatrace, Lumigo's newer layers) leave the setting as it is and need nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from defender.errors import RewriteRefused


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One product's wrapper: how its handler settings look, and where the user's handler stands."""

    product: str
    setting: re.Pattern[str]
    variables: tuple[str, ...]
    source: str
    advice: str = ""


def _wrapper(
    product: str, setting: str, variables: tuple[str, ...], source: str, advice: str = ""
) -> Wrapper:
    return Wrapper(product, re.compile(setting), variables, source, advice)


WRAPPERS = (
    _wrapper(
        "Datadog",
        r"datadog_lambda\.handler\.handler|.*node_modules/datadog-lambda-js/(dist/)?handler\.\w+",
        ("DD_LAMBDA_HANDLER",),
        "https://docs.datadoghq.com/serverless/guide/handler_wrapper/",
    ),
    _wrapper(
        "New Relic",
        r"newrelic_lambda_wrapper\.\w+|(.*/)?newrelic-lambda-wrapper\.handler"
        r"|.*newrelic-esm-lambda-wrapper/.*|com\.newrelic\.java\.HandlerWrapper.*",
        ("NEW_RELIC_LAMBDA_HANDLER",),
        "https://github.com/newrelic/newrelic-lambda-layers",
    ),
    _wrapper(
        "Lumigo",
        r"(/opt/python/)?lumigo_tracer\._handler(\..+)?|(.*/)?lumigo-auto-instrument\.handler",
        ("LUMIGO_ORIGINAL_HANDLER",),
        "https://docs.lumigo.io/docs/auto-instrumentation",
    ),
    _wrapper(
        "Sentry",
        r"sentry_sdk\.integrations\.init_serverless_sdk\.sentry_lambda_handler",
        ("SENTRY_INITIAL_HANDLER",),
        "https://docs.sentry.io/platforms/python/integrations/aws-lambda/container-image/",
    ),
    _wrapper(
        "Thundra",
        r"(thundra|catchpoint)\.handler\.wrapper|io\.thundra\.agent\..+|Thundra\.Agent::.+",
        ("thundra_agent_lambda_handler", "THUNDRA_AGENT_LAMBDA_HANDLER"),
        "https://github.com/thundra-io/serverless-plugin-thundra",
    ),
    _wrapper(
        "Epsagon",
        r"epsagon(\.handler)?\.wrapper",
        ("EPSAGON_HANDLER",),
        "https://github.com/epsagon/epsagon-python",
    ),
    _wrapper(
        "SignalFx",
        r"com\.signalfx\.lambda\.wrapper\..+",
        ("SIGNALFX_LAMBDA_HANDLER",),
        "https://github.com/signalfx/lambda-java",
    ),
    _wrapper(
        "OpenTelemetry",
        r"(.*/)?otel_wrapper\.lambda_handler",
        ("ORIG_HANDLER",),
        "https://github.com/open-telemetry/opentelemetry-lambda",
    ),
    _wrapper(
        "serverless-wsgi",
        r"(.*/)?wsgi_handler\.handler",
        (),
        "https://github.com/logandk/serverless-wsgi",
        "the plugin writes that file while packaging: embed the package that `serverless package` made",
    ),
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The user's own handler, and the product whose wrapper stands before it, if any."""

    handler: str
    wrapped_by: str | None = None


def resolve_handler(
    setting: str,
    environment: Mapping[str, str | None],
    *,
    path: str | None = None,
    line: int | None = None,
    in_package: bool = False,
) -> Resolved:
    """The handler that the user wrote, seen through another product's wrapper.

    `in_package` says that the handler's own file lies in the package: a file that a plugin wrote,
    and that has no variable, is then wrapped like any other. Raises RewriteRefused when the
    wrapper's variable does not tell the user's handler.
    """
    wrapper = next((known for known in WRAPPERS if known.setting.fullmatch(setting)), None)
    if wrapper is None or (in_package and not wrapper.variables):
        return Resolved(setting)
    for variable in wrapper.variables:
        own = environment.get(variable)
        if own and not wrapper.setting.fullmatch(own):
            return Resolved(own, wrapper.product)
    raise _refusal(wrapper, setting, path, line)


def _refusal(wrapper: Wrapper, setting: str, path: str | None, line: int | None) -> RewriteRefused:
    message = f"{setting} is the handler of {wrapper.product}, not of this package"
    if wrapper.variables:
        message += f", and {wrapper.variables[0]} does not name yours"
    advice = wrapper.advice or (
        f"give your own handler with --handler FILE.FUNCTION, the one that {wrapper.variables[0]} has "
        f"in the function's environment"
    )
    return RewriteRefused(message, path=path, line=line, hint=advice)
