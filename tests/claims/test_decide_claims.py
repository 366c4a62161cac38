"""The script refuses claims about networks that the config does not have."""

import pytest
from decide_claims import decide_claims

from yoho import InputError


@pytest.mark.parametrize(
    "arms, mask",
    [
        ({}, "backbone"),  # a label that no run has
        ({"proposed": {"label": "EfficientNet", "runs": []}}, "none"),
    ],
)
def test_networks_that_the_claims_cannot_compare_are_refused(arms, mask):
    networks = {"proposed": ["efficientnet", mask, "multiply"]} if arms else {}
    settings = dict.fromkeys(["cells", "claims", "dataset", "source", "bins"])
    with pytest.raises(InputError, match="claims.networks: .* must be labels of studies.networks.runs"):
        decide_claims(None, None, arms=arms, networks=networks, **settings)
