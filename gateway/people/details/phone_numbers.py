"""A person's number as a manager types it, read with the rules of the person's country.

Numbers that arrive with a text come from the provider; gateway/runtime/user_input.py reads those.
"""

import re

import phonenumbers
from babel import Locale
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from escalation.speech.i18n import gettext_noop, phrase
from gateway.people.details.refusals import BadDetails
from gateway.people.details.time_zones import region_of

NOT_PERSONAL = frozenset(
    {
        *(PhoneNumberType.PREMIUM_RATE, PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST),
        *(PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL, PhoneNumberType.PERSONAL_NUMBER),
    }
)
# A spreadsheet writes a long number as 1.20256E+10, and a column of decimals as 2025550139.0.
SHORTENED = re.compile(r"\d+[.,]\d+e\+?\d+|\d{7,}[.,]0+", re.IGNORECASE)
FORMULA = re.compile(r'="(.*)"')


def read_number(typed: str, zone: str) -> str:
    """The number in E.164. Without a country code, it is one of the time zone's country.

    Raises:
        BadDetails: it is not a number, or not one that a person can be texted on.
    """
    plain = FORMULA.sub(r"\1", typed.strip()).removeprefix("tel:")
    if not plain:
        raise BadDetails(gettext_noop("phone is empty; write it like +12025550101"))
    if SHORTENED.fullmatch(plain):
        sentence = gettext_noop(
            "the spreadsheet shortened the number to {typed!r}; format the column as text and "
            "enter the number again"
        )
        raise BadDetails(phrase(sentence, typed=typed))
    region = region_of(zone)
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        sentence = gettext_noop("not a valid phone number; write it like +12025550101")
        raise BadDetails(sentence) from None
    _check_writing(plain, number)
    _check_number(number, typed, region)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _check_writing(plain: str, number: PhoneNumber) -> None:
    if number.extension:
        sentence = gettext_noop(
            "the number has an extension ({extension}), and texts cannot reach one; use a mobile "
            "number"
        )
        raise BadDetails(phrase(sentence, extension=number.extension))
    if any(character.isalpha() for character in plain):
        sentence = gettext_noop("the phone number contains letters; write only the digits")
        raise BadDetails(sentence)


def _check_number(number: PhoneNumber, typed: str, region: str) -> None:
    if not phonenumbers.is_valid_number(number):
        possible = phonenumbers.is_possible_number_with_reason(number)
        # "555-0130" parses as possible in some countries, but is no number without its area code.
        national = phonenumbers.national_significant_number(number)
        is_short = possible == ValidationResult.IS_POSSIBLE_LOCAL_ONLY
        if is_short or (number.country_code == 1 and len(national) == 7):
            sentence = gettext_noop("{typed} has no area code; write it like +12025550101")
            raise BadDetails(phrase(sentence, typed=typed))
        sentence = gettext_noop(
            "{typed} is not a valid phone number ({country}); check the digits, or start with the "
            "country code, like +12025550101"
        )
        raise BadDetails(phrase(sentence, typed=typed, country=_country(number, region)))
    if phonenumbers.number_type(number) in NOT_PERSONAL:
        sentence = gettext_noop(
            "{typed} is a toll-free, premium, or service number, which belongs to no one person; "
            "use a mobile number"
        )
        raise BadDetails(phrase(sentence, typed=typed))


def _country(number: PhoneNumber, region: str) -> str:
    codes = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    chosen = region if region in codes else next(iter(codes), "")
    return str(Locale("en").territories.get(chosen, f"+{number.country_code}"))
