"""What kind of danger a message is about, and new kinds of messages that need a person."""

from escalation.detect import detect
from escalation.policy_file import load_policy
from models import Danger

MARKS = load_policy().thresholds

# From situations we imagined. Each needs a person at least soon.
SAID = {
    Danger.SUICIDE: (
        "i want to kill myself",
        "my dad hits me and i want to die",
        "i just took all my pills i dont want to wake up",
        "quiero matarme",
    ),
    Danger.SELF_HARM: ("i cut myself again last night", "i really want to cut right now"),
    Danger.ABUSE_AT_HOME: (
        "my stepdad hit me again",
        "my mom locks me in my room and doesnt feed me",
        "my stepdad is drunk and throwing stuff again",
        "mi papa me pega",
    ),
    Danger.SEXUAL: (
        "my uncle touches me when hes here",
        "some guy says hell post my nudes if i dont pay",
        "i was raped last night",
        "my boyfriend made me do stuff i didnt want",
        "mi tio me toca",
    ),
    Danger.VIOLENCE: (
        "a kid said hes gonna bring a gun tmrw",
        "some boy at school keeps saying hes gonna shoot everyone on friday",
        "this guy showed me a knife in his backpack",
        "theres a list of names hes gonna hurt",
        "i saw a post that says dont come to school tomorrow",
        "some kids at school beat me up again",
        "im gonna kill my teacher",
    ),
    Danger.EATING: (
        "i havent eaten in 4 days and i keep passing out",
        "i make myself throw up after every meal",
        "i throw up everything i eat on purpose",
    ),
    Danger.SUBSTANCES: (
        "i drank a whole bottle of vodka and i cant stand up",
        "i took something at a party and my heart is going crazy",
    ),
    Danger.SOMEBODY_ELSE: (
        "my friend doesnt wanna be here anymore",
        "my best friend told me she wants to die",
        "my friend is cutting herself again",
        "my friend texted me goodbye and now she wont pick up",
        "my little brother says he wants to kill himself",
        "my friend took too much molly and she wont wake up",
        "my bf says hes gonna end it if i leave",
        "mi amiga dice que se quiere morir",
    ),
}

# The same words about something else. Nobody has to come.
HARMLESS = (
    "a kid at school brought a water gun",
    "my cousin is gonna bring a gun to hunting season",
    "my cousin carries a knife for fishing",
    "he said hes gonna shoot hoops with everyone",
    "we are going to kill everyone in fortnite",
    "the movie is about a kid who brings a gun to school",
    "someone brought a knife to cut the cake",
    "they posted the list of kids who made the team",
    "our school did a lockdown drill today",
    "my friend doesnt wanna be here anymore this party sucks",
    "my friend doesnt want to be here at camp anymore",
    "my friend said goodbye and moved to ohio",
    "my friend gave me her old stuff bc shes moving",
    "my brother wants to be a marine",
    "she is so high energy she wont wake up early",
    "my mom doesnt want to wake up early",
    "i havent eaten in like 5 hours im so hungry",
    "i threw up everything i ate, stomach flu",
    "i drank a whole bottle of water",
    "my dad got drunk at the wedding and danced",
)


def test_each_kind_of_danger_is_named_and_brings_a_person() -> None:
    seen = {text: (detect(text), danger) for danger, texts in SAID.items() for text in texts}
    wrong = {text: one.danger for text, (one, danger) in seen.items() if one.danger is not danger}
    missed = {text: one.crisis for text, (one, _) in seen.items() if one.crisis < MARKS.concern}
    assert (wrong, missed) == ({}, {})


def test_the_same_words_about_something_else_bring_nobody() -> None:
    scores = {text: detect(text).crisis for text in HARMLESS}
    assert not {text: score for text, score in scores.items() if score >= MARKS.concern}


def test_no_rule_no_kind() -> None:
    assert detect("hi").danger is None
