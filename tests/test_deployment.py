"""What docs/deployment.md tells to configure fits the dashboard's own configuration."""

import re
import tomllib

from edtech.settings import PROJECT

TEXT = (PROJECT / "docs" / "deployment.md").read_text(encoding="utf-8")
SERVER = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["server"]
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def directives(block: str) -> dict[str, str]:
    """Return each directive of an nginx block with its arguments; `proxy_set_header` goes by the header's name too."""
    lines = re.sub(r"#.*", "", block)
    pairs = re.findall(r"(\w+(?:\s+(?:Upgrade|Connection|Host))?)\s+([^;{}]+)[;{]", lines)
    return {name: value.strip().strip('"') for name, value in pairs}


def dashboard() -> dict[str, str]:
    [block] = [block for block in blocks("nginx") if ":8501" in block]
    return directives(block)


def seconds(time: str) -> int:
    amount, unit = re.fullmatch(r"(\d+)([smhd]?)", time).groups()
    return int(amount) * UNITS[unit]


def environment() -> dict[str, str]:
    return dict(re.findall(r'^\s*export (\w+)="?([^"#\n]*?)"?\s*(?:#.*)?$', "\n".join(blocks("sh")), re.MULTILINE))


def test_the_proxy_passes_websockets_on():
    result = dashboard()
    assert result["proxy_pass"] == "http://127.0.0.1:8501"  # noqa: S105  # no password
    assert result["proxy_http_version"] == "1.1"
    assert result["proxy_set_header Upgrade"] == "$http_upgrade"
    assert result["proxy_set_header Connection"] == "upgrade"
    assert result["proxy_set_header Host"] == "$host"
    assert seconds(result["proxy_read_timeout"]) >= 3600
    assert seconds(result["proxy_send_timeout"]) >= 3600


def test_the_proxy_takes_the_largest_upload_and_its_form():
    megabytes = int(re.fullmatch(r"(\d+)m", dashboard()["client_max_body_size"]).group(1))
    assert megabytes > SERVER["maxUploadSize"]


def test_the_dashboard_stays_on_its_own_machine_behind_the_proxy():
    result = environment()
    assert SERVER["address"] == "localhost"
    assert result.get("STREAMLIT_SERVER_ADDRESS", "localhost") == "localhost"
    assert not re.findall(r"server\.address[ =]+(?!localhost)[\w\"']", "\n".join(blocks(r"\w*")))


def test_the_public_name_is_allowed_in_a_plain_list():
    names = environment()["STREAMLIT_SERVER_ALLOWED_HOSTS"]
    assert dashboard()["server_name"] in names.split()
    assert set(SERVER["allowedHosts"]) <= set(names.split())
    assert not set(names) & set("[],'")
