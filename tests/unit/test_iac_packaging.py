"""Edits that keep packaging from leaving the bundle out; every one is an insertion and is proved."""

from __future__ import annotations

import subprocess

import pytest

from defender.edits.splice import apply_splices
from defender.errors import RewriteRefused
from defender.iac import declared_functions
from defender.iac.ignore_edits import OWN_IGNORE
from defender.iac.packaging import packaging_edits

CORE = "twistlock/libdefender-linux-x86_64.so"
BUNDLE = ("twistlock/.gitignore", "twistlock/__init__.py", "twistlock/serverless.py", CORE)
SERVICE = """\
service: shop
provider: {name: aws, runtime: python3.12}
functions:
  orders:
    handler: app.handler
"""


def edits_of(archive, *roots: str):
    return packaging_edits(archive, dict.fromkeys(roots, BUNDLE), declared_functions(archive))


def edited(archive, *roots: str) -> dict[str, bytes]:
    """The new content of every file that is edited; running a second time must ask for nothing."""
    roots = roots or ("",)
    changed = {}
    for edit in edits_of(archive, *roots):
        before = archive.read(edit.path)
        after = apply_splices(before, edit.splices, edit.path)
        edit.prove(after)
        assert all(splice.start == splice.end for splice in edit.splices)
        changed[edit.path] = after
    again = type(archive)({**archive.files, **changed})
    assert edits_of(again, *roots) == ()
    return changed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  patterns:\n    - '!**'\n    - 'app.py'\n",
            "  patterns:\n    - '!**'\n    - 'app.py'\n    - 'twistlock/**'\n",
        ),
        (
            "  patterns:\n  - '!**'\n  - app.py # mine\n# end\n",
            "  patterns:\n  - '!**'\n  - app.py # mine\n  - twistlock/**\n# end\n",
        ),
        ("  patterns: ['!**', app.py]\n", "  patterns: ['!**', app.py, twistlock/**]\n"),
        ("  patterns: ['!**', \"app.py\",]", '  patterns: [\'!**\', "app.py", "twistlock/**",]'),
        ("  exclude:\n    - '**/*.so'\n", "  exclude:\n    - '**/*.so'\n  include:\n    - 'twistlock/**'\n"),
        (
            "  exclude: ['./**']\n  include:\n    - app.py",
            "  exclude: ['./**']\n  include:\n    - app.py\n    - twistlock/**",
        ),
        (
            "  exclude:\n    - '{**,x}'\n  include: []\n",
            "  exclude:\n    - '{**,x}'\n  include: ['twistlock/**']\n",
        ),
        ("  patterns:\n    - '!twist*/**'\n", "  patterns:\n    - '!twist*/**'\n    - 'twistlock/**'\n"),
        (
            "  patterns:\n    - '!+(x|twistlock)/**'\n",
            "  patterns:\n    - '!+(x|twistlock)/**'\n    - 'twistlock/**'\n",
        ),
        ("  patterns:\n    - ${env:LEFT_OUT}\n", "  patterns:\n    - ${env:LEFT_OUT}\n    - twistlock/**\n"),
    ],
)
def test_lists_that_leave_the_bundle_out_are_extended(archive_of, before, after):
    head = SERVICE + "package:\n"
    archive = archive_of({"serverless.yml": head + before, "app.py": ""})

    assert edited(archive) == {"serverless.yml": (head + after).encode()}


@pytest.mark.parametrize(
    "package",
    [
        "",
        "package:\n  individually: true\n",
        "package:\n  patterns:\n    - '!node_modules/**'\n    - '!tests/**'\n",
        "package:\n  patterns: ['!**', 'twistlock/**', app.py]\n",
        "package:\n  exclude: ['**']\n  include: ['**/*']\n",
        "package:\n  exclude: ['*.so', '!x/**', '[tT]wist/**']\n",
        "package:\n  patterns: null\n",
    ],
)
def test_lists_that_take_the_bundle_in_are_left_alone(archive_of, package):
    assert edited(archive_of({"serverless.yml": SERVICE + package, "app.py": ""})) == {}


RUBY = SERVICE.replace("python3.12", "ruby3.3")


@pytest.mark.parametrize("plugins", ["[a, serverless-ruby-package]", "{modules: [serverless-ruby-package]}"])
def test_a_plugin_that_leaves_out_all_files_but_the_named_is_known(archive_of, plugins):
    head = f"{RUBY}plugins: {plugins}\npackage:\n"
    archive = archive_of({"serverless.yml": head + "  include:\n    - app.rb\n", "app.rb": ""})

    assert edited(archive) == {
        "serverless.yml": (head + "  include:\n    - app.rb\n    - twistlock/**\n").encode()
    }


def test_without_a_list_to_extend_such_a_plugin_is_refused(archive_of):
    archive = archive_of({"serverless.yml": f"{RUBY}plugins: [serverless-ruby-package]\n", "app.rb": ""})

    with pytest.raises(RewriteRefused, match="would leave the folder twistlock out"):
        edits_of(archive, "")


COMPILED = SERVICE.replace("python3.12", "nodejs20.x") + "plugins: [serverless-plugin-typescript]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "package:\n  include:\n    - 'twistlock/**/*'\n"),
        (
            "package:\n  individually: true\n",
            "package:\n  individually: true\n  include:\n    - 'twistlock/**/*'\n",
        ),
        (
            "package:\n  patterns:\n    - 'twistlock/**'\n    - '!**/*.py'\n",
            "package:\n  patterns:\n    - 'twistlock/**'\n    - '!**/*.py'\n    - 'twistlock/**/*'\n",
        ),
        ("package: {exclude: ['**']}\n", "package: {exclude: ['**'], include: ['twistlock/**/*']}\n"),
    ],
)
def test_the_compiling_plugin_is_told_to_take_the_bundle(archive_of, before, after):
    archive = archive_of({"serverless.yml": COMPILED + before, "app.ts": ""})

    assert edited(archive) == {"serverless.yml": (COMPILED + after).encode()}


def test_a_service_in_json_gets_its_first_list(archive_of):
    text = (
        '{"service": "s", "provider": {"name": "aws", "runtime": "nodejs20.x"},\n'
        ' "plugins": ["serverless-plugin-typescript"], "functions": {"f": {"handler": "app.handler"}}}\n'
    )
    archive = archive_of({"serverless.json": text, "app.ts": ""})

    expected = text.replace("}}}", '}}, "package": {"include": ["twistlock/**/*"]}}')
    assert edited(archive) == {"serverless.json": expected.encode()}


@pytest.mark.parametrize("package", ["['twistlock/**']", "[app.json, '**']", "['twistlock/**', '!**/*.md']"])
def test_the_compiling_plugin_that_takes_it_already_is_left_alone(archive_of, package):
    assert (
        edited(archive_of({"serverless.yml": f"{COMPILED}package:\n  include: {package}\n", "app.ts": ""}))
        == {}
    )


def test_a_list_that_undoes_the_services_gets_another_text(archive_of):
    own = COMPILED.replace(
        "handler: app.handler", "handler: app.handler\n    package: {patterns: ['!**', 'app*']}"
    )
    text = f"{own}package:\n  individually: true\n  patterns: ['!x']\n"
    archive = archive_of({"serverless.yml": text, "app.ts": ""})

    after = text.replace("'app*']", "'app*', 'twistlock/**']").replace("['!x']", "['!x', 'twistlock/**/*']")
    assert edited(archive) == {"serverless.yml": after.encode()}


def test_an_empty_package_is_refused_where_a_list_is_needed(archive_of):
    with pytest.raises(RewriteRefused, match="would leave the folder twistlock out"):
        edits_of(archive_of({"serverless.yml": f"{COMPILED}package:\n", "app.ts": ""}), "")


def test_crlf_and_quotes_are_followed(archive_of):
    text = (SERVICE + 'package:\n  patterns:\n    - "!**"\n    - "app.py"\nx: 1\n').replace("\n", "\r\n")
    archive = archive_of({"serverless.yml": "\ufeff" + text, "app.py": ""})
    expected = text.replace('"app.py"\r\n', '"app.py"\r\n    - "twistlock/**"\r\n')

    assert edited(archive)["serverless.yml"] == ("\ufeff" + expected).encode()


def test_a_functions_own_lists_count_when_it_is_packaged_individually(archive_of):
    own = "    package:\n      patterns:\n        - '!**'\n        - app.py\n"
    shared = archive_of({"serverless.yml": SERVICE + own, "app.py": ""})
    assert edited(shared) == {}

    text = SERVICE + own + "package:\n  individually: true\n"
    assert edited(archive_of({"serverless.yml": text, "app.py": ""}))["serverless.yml"] == (
        text.replace("- app.py\n", "- app.py\n        - twistlock/**\n").encode()
    )


def test_several_functions_are_extended_in_one_edit(archive_of):
    text = "service: s\nprovider: {name: aws}\npackage: {individually: true}\nfunctions:\n" + "".join(
        f"  f{n}:\n    handler: app.handler\n    package:\n      patterns:\n        - '!**'\n"
        for n in range(3)
    )
    archive = archive_of({"serverless.yml": text, "app.py": ""})

    assert (
        edited(archive)["serverless.yml"]
        == text.replace("- '!**'\n", "- '!**'\n        - 'twistlock/**'\n").encode()
    )


def test_the_pattern_is_relative_to_the_service(archive_of):
    text = SERVICE.replace("handler: app.handler", "handler: app.handler\n    module: fn") + (
        "package:\n  individually: true\n  patterns: ['!**', fn/app.py]\n"
    )
    files = {"backend/serverless.yml": text, "backend/fn/app.py": ""}
    archive = archive_of(files)

    assert (
        edited(archive, "backend/fn")["backend/serverless.yml"]
        == text.replace("fn/app.py]", "fn/app.py, fn/twistlock/**]").encode()
    )
    assert edited(archive_of(files), "backend") == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  patterns:\n    - '!**'\n",
            "  patterns:\n    - '!**'\n    - 'a/twistlock/**'\n    - 'b/twistlock/**'\n",
        ),
        (
            "  exclude: ['**']",
            "  exclude: ['**']\n  include:\n    - 'a/twistlock/**'\n    - 'b/twistlock/**'",
        ),
        (
            "  exclude: ['**']\n  include: []",
            "  exclude: ['**']\n  include: ['a/twistlock/**', 'b/twistlock/**']",
        ),
    ],
)
def test_several_task_roots_share_one_edit(archive_of, before, after):
    text = "service: s\nfunctions:\n  a: {handler: x.y, module: a}\n  b: {handler: x.y, module: b}\n"
    head = text + "package:\n  individually: true\n"
    files = {"a/x.py": "", "b/x.py": "", ".gitignore": "twistlock", ".dockerignore": "**/twistlock\n"}
    changed = edited(archive_of({"serverless.yml": head + before, **files}), "a", "b")

    assert changed == {
        "serverless.yml": (head + after).encode(),
        ".gitignore": b"twistlock\n!/a/twistlock/\n!/b/twistlock/\n",
        ".dockerignore": b"**/twistlock\n!a/twistlock\n!a/twistlock/**\n!b/twistlock\n!b/twistlock/**\n",
    }


def test_lists_in_an_included_file_are_extended_there(archive_of):
    files = {
        "serverless.yml": SERVICE + "package: ${file(package.yml):rules}\n",
        "package.yml": "rules:\n  patterns:\n    - '!**'\n",
        "app.py": "",
    }

    assert edited(archive_of(files)) == {
        "package.yml": b"rules:\n  patterns:\n    - '!**'\n    - 'twistlock/**'\n"
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"patterns": ["!**"]}', '{"patterns": ["!**", "twistlock/**"]}'),
        ('{"exclude": ["**"]}', '{"exclude": ["**"], "include": ["twistlock/**"]}'),
        ('{"exclude": ["**"], "include": []}', '{"exclude": ["**"], "include": ["twistlock/**"]}'),
    ],
)
def test_json_is_extended_too(archive_of, before, after):
    head = '{"service": "s", "functions": {"a": {"handler": "app.h"}},\n "package": '
    archive = archive_of({"serverless.json": f"{head}{before}}}\n", "app.py": ""})

    assert edited(archive) == {"serverless.json": f"{head}{after}}}\n".encode()}


@pytest.mark.parametrize(
    "package",
    [
        "package:\n  patterns: ${env:PATTERNS}\n",
        "package:\n  individually: true\n  patterns: ['twistlock/**']\n",
    ],
)
def test_rules_that_cannot_be_extended_safely_are_refused(archive_of, package):
    own = "    package: {patterns: ['!**']}\n"
    archive = archive_of({"serverless.yml": SERVICE + own + package, "app.py": ""})

    with pytest.raises(RewriteRefused) as raised:
        edits_of(archive, "")
    assert raised.value.path == "serverless.yml"
    assert raised.value.line is not None
    assert raised.value.hint


MAKE_TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {Handler: app.handler, CodeUri: src, Runtime: python3.12}
"""


@pytest.mark.parametrize(
    ("recipe", "accepted"),
    [
        ("\tcp -r . $(ARTIFACTS_DIR)\n", True),
        ("\tcp -R ./ $(ARTIFACTS_DIR)\n", True),
        ("\tpip install -t x\n\tcp -rp * $(ARTIFACTS_DIR)\n", True),
        ("\tcp app.py $(ARTIFACTS_DIR)\n\tcp -r twistlock $(ARTIFACTS_DIR)\n", True),
        ("\tcp app.py $(ARTIFACTS_DIR)\n", False),
        ("\tcp app.py $(ARTIFACTS_DIR)\nother:\n\tcp -r . x\n", False),
    ],
)
def test_a_make_target_must_copy_the_bundle(archive_of, recipe, accepted):
    files = {
        "template.yaml": MAKE_TEMPLATE,
        "src/app.py": "",
        "src/Makefile": f".PHONY: x\nbuild-Orders:\n{recipe}",
    }
    archive = archive_of(files)

    if accepted:
        assert edited(archive, "src") == {}
        return
    with pytest.raises(RewriteRefused, match="make target build-Orders") as raised:
        edits_of(archive, "src")
    assert raised.value.where == "src/Makefile:2"


def test_chalice_projects_are_refused(archive_of):
    archive = archive_of({"fn/.chalice/config.json": "{}", "fn/app.py": ""})

    with pytest.raises(RewriteRefused, match="Chalice packages only"):
        edits_of(archive, "fn")
    assert edited(archive) == {}


IGNORE_CASES = [
    ({".gitignore": "*.so\n__pycache__/\n"}, {}),
    ({".gitignore": "twistlock\n"}, {".gitignore": "twistlock\n!/src/twistlock/\n"}),
    ({".gitignore": "*\n!*/\n!*.py"}, {}),
    ({".gitignore": "*\n!/src\n!*.py"}, {".gitignore": "*\n!/src\n!*.py\n!/src/twistlock/\n"}),
    ({"src/.gitignore": "/twist*/\r\n"}, {"src/.gitignore": "/twist*/\r\n!/twistlock/\r\n"}),
    ({".gitignore": "src/\n"}, {}),
    (
        {".gitignore": "tw*\n", "src/.gitignore": "*lock\n"},
        {".gitignore": "tw*\n", "src/.gitignore": "*lock\n!/twistlock/\n"},
    ),
]


@pytest.mark.parametrize(("before", "after"), IGNORE_CASES)
def test_git_ignore_files_are_extended_where_the_bundles_own_is_not_enough(
    archive_of, tmp_path, before, after
):
    archive = archive_of({**before, "src/app.py": ""})
    changed = edited(archive, "src")

    assert changed == {name: text.encode() for name, text in after.items() if text != before[name]}
    if before.get(".gitignore") == "src/\n":
        return
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    bundle = {f"src/{name}": b"x" for name in BUNDLE} | {"src/twistlock/.gitignore": OWN_IGNORE}
    for name, data in {**archive.files, **changed, **bundle}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True, capture_output=True)
    added = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files"], check=True, capture_output=True, text=True
    )
    assert {f"src/{name}" for name in BUNDLE} <= set(added.stdout.splitlines())


def test_without_an_ignore_file_of_its_own_the_bundles_files_are_named(archive_of):
    archive = archive_of({".gitignore": "*.so\n", "app.py": ""})
    (edit,) = packaging_edits(archive, {"": (CORE,)}, declared_functions(archive))

    assert [splice.data for splice in edit.splices] == [f"!/{CORE}\n".encode()]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*.so\n", None),
        ("**/*.so\n", "**/*.so\n!src/twistlock\n!src/twistlock/**\n"),
        ("*\n!src/app.py", "*\n!src/app.py\n!src/twistlock\n!src/twistlock/**\n"),
        ("src\n", None),
    ],
)
def test_docker_contexts_keep_the_bundle(archive_of, before, after):
    changed = edited(archive_of({".dockerignore": before, "src/app.py": ""}), "src")

    assert changed == ({} if after is None else {".dockerignore": after.encode()})


def test_npm_packages_keep_the_bundle_of_nodejs_functions_only(archive_of):
    template = MAKE_TEMPLATE.replace("    Metadata: {BuildMethod: makefile}\n", "")
    files = {"template.yaml": template, "src/.npmignore": "*.so\n", "src/app.py": ""}
    assert edited(archive_of(files), "src") == {}

    files["template.yaml"] = template.replace("python3.12", "nodejs22.x")
    assert edited(archive_of(files), "src") == {"src/.npmignore": b"*.so\n!/twistlock\n!/twistlock/**\n"}
