"""What the doctor tells of a file of accounts that a worker would take."""

from __future__ import annotations

from worker.doctor import accounts_finding
from worker.findings import Level


def test_accounts_are_named_with_the_modes_of_their_keys() -> None:
    finding = accounts_finding(
        {"acme": "live", "shop": "test"}, "https://api.stripe.com/"
    )

    assert finding.level is Level.OK
    assert "2: acme (LIVE), shop (test)" in finding.says
    assert "LIVE keys: 1, real customers are changed" in finding.says


def test_many_accounts_are_counted_and_only_the_first_are_named() -> None:
    many = {f"a{number}": "test" for number in range(23)}
    finding = accounts_finding(many, "http://sandbox:12111")

    assert finding.level is Level.WARN
    assert finding.says.startswith("23: a0 (test), a1 (test)")
    assert "a19 (test) and 3 more; requests go to http://sandbox:12111" in finding.says
    assert "LIVE" not in finding.says
