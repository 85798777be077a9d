"""Functions with gems of their own, laid out as Bundler deploys them: found as they are unprotected, the agent on.

The layout is made by RubyGems itself from a gem that the test writes; no network is needed.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).with_name("client.rb")
GEMSPEC = """Gem::Specification.new do |it|
  it.name, it.version, it.summary, it.authors = '{name}', '{version}', 'of a test', ['test']
  it.files = Dir['lib/*.rb']
end
"""
# Each is one way to come to the gem `greeting`; "plain" has it from GEM_PATH, which Lambda sets.
WAYS = {
    "plain": "require 'greeting'",
    "setup": "require 'bundler/setup'\nrequire 'greeting'",
    "require_all": "require 'bundler'\nBundler.require(:default)",
    "standalone": "require_relative 'bundle/bundler/setup'\nrequire 'greeting'",
    "load_path": "$LOAD_PATH.unshift(*Dir[\"#{__dir__}/vendor/bundle/ruby/*/gems/*/lib\"])\nrequire 'greeting'",
    # Another version of what the agent itself uses: the function gets the one that its Gemfile.lock names.
    "own_fiddle": "require 'bundler/setup'\nrequire 'greeting'\nrequire 'fiddle'",
}
HANDLER = """
def handler(event:, context:)
  specs = Gem.loaded_specs.values.map(&:full_name).grep(/greeting|fiddle/).sort
  { 'greeting' => Greeting.to('you'), 'specs' => specs, 'ran' => system('/usr/bin/true') }
end
"""
LOCK = """GEM
  remote: https://rubygems.org/
  specs:
    fiddle (99.0)
    greeting (1.2)

PLATFORMS
  ruby

DEPENDENCIES
  fiddle
  greeting
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, "HOME": str(cwd)}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, check=True, capture_output=True, text=True
    ).stdout


def install(folder: Path, target: Path, name: str, version: str, code: str) -> None:
    """Build a gem and install it as `bundle install --deployment` does."""
    (folder / name / "lib").mkdir(parents=True)
    (folder / name / "lib" / f"{name}.rb").write_text(code)
    (folder / name / f"{name}.gemspec").write_text(GEMSPEC.format(name=name, version=version))
    run("gem", "build", f"{name}.gemspec", cwd=folder / name)
    options = ("--local", "--no-document", "--ignore-dependencies", "--install-dir", target)
    run("gem", "install", *options, f"{name}-{version}.gem", cwd=folder / name)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A function's folder with Gemfile, Gemfile.lock and vendor/bundle, and a handler's file for each way."""
    base = tmp_path_factory.mktemp("gems")
    root = base / "source"
    abi = run("ruby", "-e", "print RbConfig::CONFIG['ruby_version']", cwd=base)
    gems = root / "vendor" / "bundle" / "ruby" / abi
    install(base, gems, "greeting", "1.2", 'module Greeting\n  def self.to(name) = "hello #{name}"\nend\n')
    # As the gem's own file does, it loads the extension: the one that Ruby has.
    install(base, gems, "fiddle", "99.0", "require 'fiddle.so'\nmodule Fiddle\n  OWN = true\nend\n")
    (root / "Gemfile").write_text(
        "source 'https://rubygems.org'\ngem 'greeting'\ngem 'fiddle', require: false\n"
    )
    (root / "Gemfile.lock").write_text(LOCK)
    (root / ".bundle").mkdir()
    (root / ".bundle" / "config").write_text('---\nBUNDLE_PATH: "vendor/bundle"\nBUNDLE_FROZEN: "true"\n')
    (root / "bundle" / "bundler").mkdir(parents=True)
    line = (
        f'$:.unshift File.expand_path("#{{__dir__}}/../../vendor/bundle/ruby/{abi}/gems/greeting-1.2/lib")\n'
    )
    (root / "bundle" / "bundler" / "setup.rb").write_text(line)
    for way, code in WAYS.items():
        (root / f"{way}.rb").write_text(code + "\n" + HANDLER)
    return root


@pytest.fixture(scope="module")
def protected(functions: Any, project: Path) -> Path:
    target = project.with_name("protected")
    functions.protect(project, target, [f"{way}.handler" for way in WAYS])
    return target


@pytest.mark.parametrize("way", WAYS)
def test_gems_are_found(way: str, functions: Any, project: Path, protected: Path, policy: Any) -> None:
    ruby = replace(functions, command=("ruby", str(CLIENT)))
    answers = []
    for root, given in ((project, None), (protected, policy("prevent"))):
        (gems,) = (root / "vendor" / "bundle" / "ruby").iterdir()
        variables = {"GEM_PATH": str(gems)} if way == "plain" else {}
        with ruby.start(root, given, handler=f"{way}.handler", HOME=str(root.parent), **variables) as one:
            outcome = one.invoke(1)
            assert outcome.kind == "response", (outcome.body, one.errors())
            answers.append(outcome.document)
    original, answer = answers
    assert original["greeting"] == "hello you"
    assert original.pop("ran") is True
    assert answer.pop("ran") is None
    assert answer == original
    assert ("fiddle-99.0" in answer["specs"]) == (way in ("setup", "require_all", "own_fiddle"))
