"""Phone numbers in E.164."""

import phonenumbers


def as_e164(phone: str, region: str = "US") -> str | None:
    """The number in E.164, such as +12025550101; None when it cannot be a phone number."""
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
