"""Made-up keys of every kind, drawn from a fixed seed so that no scanner of this repository finds them, and
decoys that look like keys and are none.

Each case is a line of code and the value in it that must not be left in the text.
"""

from __future__ import annotations

import random
import string
from typing import NamedTuple

BASE62 = string.ascii_letters + string.digits
BASE32 = string.ascii_uppercase + "234567"
HEX = "0123456789abcdef"


class Case(NamedTuple):
    """A text, the secret in it, and what the filter calls it."""

    text: str
    value: str
    kind: str


def _draw(rng: random.Random, count: int, alphabet: str = BASE62) -> str:
    """Letters with an upper-case, a lower-case one and a digit first, where the alphabet has them."""
    groups = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    first = [rng.choice(own) for group in groups if (own := [c for c in group if c in alphabet])]
    return "".join([*first, *(rng.choice(alphabet) for _ in range(count - len(first)))])


def seeded(seed: int = 1) -> dict[str, Case]:
    """One case of each kind."""
    rng = random.Random(seed)

    def draw(count: int, alphabet: str = BASE62) -> str:
        return _draw(rng, count, alphabet)

    lines = "\n".join(draw(64, BASE62 + "+/") for _ in range(6))
    pem = f"{lines}\n{draw(30)}="
    slack = f"xoxb-{draw(12, string.digits)}-{draw(12, string.digits)}-{draw(24)}"
    hook = f"T{draw(8, BASE32)}/B{draw(8, BASE32)}/{draw(24)}"
    jwt = f"eyJ{draw(33)}.eyJ{draw(60)}.{draw(43)}"
    values = {
        "aws_access_key_id": ("key = '%s'", "AKIA" + draw(16, BASE32)),
        "aws_secret_key": ("aws_secret_access_key = %s", draw(40, BASE62 + "+/")),
        "github_token": ('TOKEN = "%s"', "ghp_" + draw(36)),
        "gitlab_token": ("git clone https://oauth2:%s@gitlab.com/a/b", "glpat-" + draw(20)),
        "slack_token": ("client = Client('%s')", slack),
        "slack_webhook": ("url: https://hooks.slack.com/services/%s", hook),
        "stripe_key": ("stripe.api_key = '%s'", "sk_live_" + draw(24)),
        "google_api_key": ("maps?key=%s&v=3", "AIza" + draw(35)),
        "twilio_key": ("Client(%s)", "SK" + draw(32, HEX)),
        "sendgrid_key": ("SG_KEY=%s", f"SG.{draw(22)}.{draw(43)}"),
        "npm_token": ("//registry.npmjs.org/:_authToken=%s", "npm_" + draw(36)),
        "pypi_token": ("password = %s", "pypi-AgEIcHlwaS5vcmc" + draw(120)),
        "jwt": ("Authorization: Bearer %s", jwt),
        "private_key": ("-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----", pem),
        "url_password": ("postgres://admin:%s@db.internal/prod", draw(12)),
        "azure_storage_key": ("AccountName=a;AccountKey=%s;EndpointSuffix=b", draw(86) + "=="),
        "discord_token": ("bot.run('%s')", f"M{draw(23)}.{draw(6)}.{draw(27)}"),
        "mailchimp_key": ("mc = '%s'", draw(32, HEX) + "-us12"),
        "generic_key": ('api_key = "%s"', draw(32)),
        "password": ('password = "%s"', draw(10) + "!?"),
    }
    return {kind: Case(text % value, value, kind) for kind, (text, value) in values.items()}


def more_forms(seed: int = 2) -> list[Case]:
    """Other ways to write some of them."""
    rng = random.Random(seed)

    def draw(count: int, alphabet: str = BASE62) -> str:
        return _draw(rng, count, alphabet)

    pat = f"github_pat_{draw(22)}_{draw(59)}"
    escaped = f"{draw(64)}\\n{draw(30)}"
    in_string = 'K = "-----BEGIN EC PRIVATE KEY-----\\n%s\\n-----END EC PRIVATE KEY-----\\n"'
    forms = [
        ("x = '\\n%s'", "gho_" + draw(36), "github_token"),
        ("é漢 = %s;", pat, "github_token"),
        (in_string, escaped, "private_key"),
        ("-----BEGIN PRIVATE KEY-----\n%s\n", f"{draw(64)}\n{draw(64)}\n{draw(40)}", "private_key"),
        ('{"client_secret": "%s"}', draw(24), "generic_key"),
        ("const apiKey: string = `%s`;", draw(30), "generic_key"),
        ("SECRET_KEY=%s\n", draw(40), "generic_key"),
        ("os.environ.get('API_TOKEN', '%s')", draw(32, HEX), "generic_key"),
        ("export DB_PASSWORD=%s\n", draw(9) + "!", "password"),
        ('"password" => "%s",', draw(11) + "$", "password"),
        ("Authorization: Basic %s", "dXNlcjpwYXNzdzByZA==", "basic_auth"),
        ('Client("AKIA' + draw(16, BASE32) + '", "%s")', draw(40, BASE62 + "+/"), "aws_secret_key"),
        ("%s", "sk-proj-" + draw(48), "openai_key"),
        ("login(token='%s')", "hf_" + draw(34), "huggingface_token"),
    ]
    return [Case(text % value, value, kind) for text, value, kind in forms]


def decoys(seed: int = 3) -> dict[str, str]:
    """Texts without a secret."""
    rng = random.Random(seed)

    def draw(count: int, alphabet: str = BASE62) -> str:
        return _draw(rng, count, alphabet)

    return {
        "sha256": f'sha256 = "{draw(64, HEX)}"',
        "md5": f"{draw(32, HEX)}  file.tar.gz",
        "sri": f'integrity="sha384-{draw(64, BASE62 + "+/")}"',
        "uuid": 'token = "123e4567-e89b-42d3-a456-426614174000"',
        "commit": f'commit = "{draw(40, HEX)}"',
        "token hash": f'token_sha256 = "{draw(64, HEX)}"',
        "AWS's example id": "AKIAIOSFODNN7EXAMPLE",
        "AWS's example key": 'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"',
        "template": 'token = "${TOKEN}" + "{{ password1 }}"',
        "URL template": "postgres://${USER}:${PASS}@host/db",
        "URL placeholder": "http://user:password@host/",
        "changeme": 'password = "changeme"',
        "x": 'api_key = "xxxxxxxxxxxxxxxxxxxxxxxx"',
        "crossed out": "ghp_" + "x" * 36,
        "code": "token = self.tokens[idx2]",
        "call": 'password = get_password("user1")',
        "comparison": 'if token == "identifier_2":',
        "pem in prose": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "public key": f"-----BEGIN PUBLIC KEY-----\n{draw(64)}\n-----END PUBLIC KEY-----",
        "slack's example": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "inside a word": "task" + draw(40),
    }
