"""docs/adding-a-platform.md, followed to the letter in a copy of the tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.following import Page, check_style, run_command

CONFIGURATION = "provisioning.runner.configuration"
PAGE = Page.read("adding-a-platform.md")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return PAGE.follow(tmp_path_factory.mktemp("copy") / "latchkey")


def test_the_page_names_each_file():
    assert [(Path(name).name, language) for name, language, _ in PAGE.files] == [
        ("__init__.py", "python"),
        ("payloads.py", "python"),
        ("connector.py", "python"),
        ("__init__.py", "diff"),
        ("tables.py", "diff"),
        ("latchkey.example.toml", "diff"),
        ("test_acme.py", "python"),
    ]


@pytest.mark.parametrize("command", PAGE.commands)
def test_each_command_of_the_page_works(tree, command):
    run_command(tree, command)


def test_a_table_of_the_new_platform_is_taken(tree, tmp_path):
    table = '[sync.a]\nplatform = "acme"\nurl = "http://127.0.0.1:9"\ntoken = "t"\nsites = ["H1"]\nssid = "Acme"\n'
    config = tmp_path / "latchkey.toml"
    config.write_text(table)
    config.chmod(0o600)
    code = f"from pathlib import Path\nfrom {CONFIGURATION} import read_connectors\n"
    code += f"print(read_connectors(Path({str(config)!r}))['a'].open().connector)"
    result = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False)
    assert "provisioning.platforms.acme.connector.Connector" in result.stdout, result.stderr


def test_the_package_is_sound(tree):
    check_style(tree, "provisioning/platforms/acme", "tests/provisioning/platforms/acme")
    module = "provisioning.platforms.acme.connector"
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "-m", module]
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
