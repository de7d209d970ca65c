"""Why a key is removed: VAULT's closed list."""

from typing import Final

REMOVAL_REASONS: Final = (
    "SECURITY_INCIDENT",
    "KEY_COMPROMISE",
    "SERVICE_DEACTIVATION",
    "CREDENTIAL_ROTATION",
    "SUBSCRIBER_REQUEST",
    "COMPLIANCE",
    "KEY_EXPIRY",
    "SYSTEM_MIGRATION",
    "POLICY_VIOLATION",
    "MAINTENANCE",
)


def parse_removal_reason(text: str) -> str:
    """Return VAULT's word for a reason however it is written, such as key-compromise; other text as it is."""
    word = text.strip().upper().replace("-", "_").replace(" ", "_")
    return word if word in REMOVAL_REASONS else text
