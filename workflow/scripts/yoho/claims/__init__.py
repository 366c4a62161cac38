"""The paper's claims: statistics, measures, verdicts and the page that shows them."""
