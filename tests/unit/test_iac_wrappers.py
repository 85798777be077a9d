"""Handlers that belong to other products' wrappers."""

from __future__ import annotations

import pytest

from defender.errors import RewriteRefused
from defender.iac.wrappers import WRAPPERS, resolve_handler

SETTINGS = {
    "Datadog": (
        *("datadog_lambda.handler.handler", "/opt/nodejs/node_modules/datadog-lambda-js/handler.handler"),
        *("node_modules/datadog-lambda-js/dist/handler.handler",),
    ),
    "New Relic": (
        *("newrelic_lambda_wrapper.handler", "newrelic-lambda-wrapper.handler"),
        *("/opt/nodejs/node_modules/newrelic-esm-lambda-wrapper/index.handler",),
        "com.newrelic.java.HandlerWrapper::handleRequest",
    ),
    "Lumigo": (
        "lumigo_tracer._handler._handler",
        "/opt/python/lumigo_tracer._handler",
        "lumigo-auto-instrument.handler",
    ),
    "Sentry": ("sentry_sdk.integrations.init_serverless_sdk.sentry_lambda_handler",),
    "Thundra": ("thundra.handler.wrapper", "catchpoint.handler.wrapper"),
    "Epsagon": ("epsagon.wrapper",),
    "SignalFx": ("com.signalfx.lambda.wrapper.SignalFxRequestWrapper::handleRequest",),
    "OpenTelemetry": ("otel_wrapper.lambda_handler",),
}
KNOWN = [(product, setting) for product, settings in SETTINGS.items() for setting in settings]


@pytest.mark.parametrize(("product", "setting"), KNOWN)
def test_the_users_handler_is_read_from_the_wrappers_variable(product, setting):
    (wrapper,) = [one for one in WRAPPERS if one.product == product]
    found = resolve_handler(setting, {wrapper.variables[0]: "app.handler"})

    assert (found.handler, found.wrapped_by) == ("app.handler", product)


@pytest.mark.parametrize(("product", "setting"), KNOWN)
@pytest.mark.parametrize("value", [None, "", "itself"])
def test_a_variable_that_tells_nothing_is_explained(product, setting, value):
    (wrapper,) = [one for one in WRAPPERS if one.product == product]
    environment = {wrapper.variables[0]: setting if value == "itself" else value}

    with pytest.raises(RewriteRefused, match=product) as raised:
        resolve_handler(setting, environment, path="t.yaml", line=3)
    assert raised.value.where == "t.yaml:3"
    assert wrapper.variables[0] in raised.value.hint


@pytest.mark.parametrize(
    "setting", ["app.handler", "src/datadog.handler", "handler.handler", "my_newrelic.handler"]
)
def test_other_handlers_are_the_users_own(setting):
    assert resolve_handler(setting, {"DD_LAMBDA_HANDLER": "x.y"}).handler == setting


def test_every_wrapper_is_covered_here():
    assert {one.product for one in WRAPPERS} == {*SETTINGS, "serverless-wsgi"}
    assert all(one.source.startswith("https://") for one in WRAPPERS)
