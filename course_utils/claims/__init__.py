"""The twenty textbook claims that the course tests, and rules that turn records into verdicts.

for claim in CLAIMS:
    print(claim.number, claim.short, claim.finding().verdict)
"""

from .claim import Claim, Effect, Finding, Tables, Verdict
from .listing import CLAIMS

__all__ = ["CLAIMS", "Claim", "Effect", "Finding", "Tables", "Verdict"]
