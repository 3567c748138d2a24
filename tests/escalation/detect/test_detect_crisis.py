"""What each family of crisis rules hears, and what in the same words it must leave alone."""

from escalation.detect import detect
from escalation.detect.lexicon import load_lexicon
from escalation.detect.rules import crisis_hits
from escalation.detect.wording import in_plain_words
from escalation.policy import load_policy

MARKS = load_policy().thresholds

# From this score on, a rule brings a person whatever the classifier says.
STANDS = 0.25

HEARD = {
    "a dry question from somebody who is hurt": [
        "is it still rape if he is my boyfriend",
        "what happens if i tell school that my dad hits me",
        "how do i leave when he has my passport",
        "should i press charges, he pushed me down the steps",
    ],
    "trapped and controlled": [
        "my boyfriend checks my phone every night and picks what i wear",
        "the family i clean for took my passport",
        "he won't let me see my mum",
        "they are taking me abroad to get married and i said no",
    ],
    "followed, watched and not left alone": [
        "my ex keeps turning up at my work",
        "this man followed me home from the bus again",
        "i found a tracker on my car, my ex put it there",
        "he knows where i live now",
    ],
    "done to somebody who could not say no": [
        "i woke up and he was on top of me",
        "i said no and he carried on",
        "he put his hand up my skirt on the bus",
        "he makes me touch him when mum is at work",
    ],
    "pictures or secrets used as a threat": [
        "he says he will send the pictures to my school unless i meet him",
        "a guy has my nudes and wants money",
        "she said she'd post the video of me if i leave her",
    ],
    "violence going on now": [
        "he is kicking the door in",
        "dad is hitting my mum downstairs",
        "he's got a knife and he's outside",
    ],
    "will not be here": [
        "i won't be here next week so it doesn't matter",
        "tonight is the night",
        "tell my mum it is not her fault",
        "i am going to give my dog to my cousin, she is better off with her, it's the last thing",
    ],
    "afraid of what one will do to oneself": [
        "i am not safe with myself tonight",
        "i'm scared of what i might do",
        "give me one reason not to do it",
        "someone talk me out of it",
    ],
    "regret to be alive": [
        "i wish it had worked last time",
        "i don't want to wake up tomorrow",
        "i can't even die right",
    ],
    "already taken, already done": [
        "i already took them",
        "i swallowed all of it",
        "i'm on the wrong side of the railing",
    ],
    "violence at home or by a partner, in any words": [
        "so my husband came in late and somehow it was my fault and he slapped me",
        "my mum gets physical with me",
    ],
    "abuse, by its word": [
        "i think i was married to an abuser",
        "my family was always violent, i am there again",
    ],
    "no future seen or wanted": [
        "i can't picture myself alive at thirty",
        "there is nothing left for me to stay for",
    ],
    "weary of living": ["i'm so tired of being alive", "don't want to exist anymore"],
    "hopes that death comes by itself": [
        "i hope i get hit on the way home, i pray something happens to me",
        "if a lorry came i wouldn't even step back",
    ],
    "others better off, or paid, by one's death": ["mum would be so much happier without me"],
    "looking up how": ["i've been googling painless ways"],
    "a day, an hour or a moment chosen": ["going to do it when everyone is asleep"],
    "means kept, held or tried": ["i held the bottle for an hour last night"],
    "taken or done, told sideways": ["i've taken something, i'm scared"],
    "goodbye in other words": ["tell my sister i loved her", "i've said my goodbyes"],
    "said in few words": ["i'm going to jump", "the only thing stopping me is my cat"],
    "self-harm in its own short words": ["cutting again", "90 days clean and i broke it tonight"],
    "starving or purging as harm": ["haven't eaten for days, i want to fade away"],
    "cuts and urges, in few words": ["my legs are covered in cuts"],
    "struck, seized or shoved, with the part or the thing": [
        "he smashed my head into the wall",
        "i get hit with a cable when i'm late",
    ],
    "hurt, in few words": ["they kick me every day on the bus"],
    "kept from food, sleep, door or doctor": ["she won't let me eat when dad is away"],
    "touched or forced, in few words": ["my coach does things to me"],
    "threatened with harm, by anybody": ["they said they'll break my legs"],
    "watched, waited for, sought out": ["he waits for me outside after every shift"],
    "harm to others, meant or feared": ["i keep having thoughts about hurting my wife"],
    "going to kill, and nothing else": ["gonna kill him"],
}

LEFT_ALONE = [
    "i can't live without my phone charger",
    "lost the will to live in this spreadsheet",
    "no reason to live in this town without a car",
    "goodbye world, my hair went green",
    "writing my will with a solicitor, very grown up",
    "this is my last text before we board",
    "i feel like the odd one out",
    "i scratched my legs to bits in the brambles",
    "if he ever hit me i'd be out the same day",
    "she has never laid a finger on me",
    "for the murder mystery i get strangled at eight",
    "my grandma's friend died of an overdose, the funeral is on friday",
    "my brother is three and he hits me",
    "mum said if i get another piercing she will kill me",
    "overdosed on haribo, no regrets",
    "cut my fringe again, it's wonky",
    "a colleague says her ex is stalking her, any advice i can pass on",
    "i was stalked at college, ages ago, he was convicted",
    "is it harassment that the shop sends a catalog daily lol",
    "what happens if i tell my landlord about the mould",
    "how do i leave my phone contract early",
    "my sister took my passport photo and it's awful",
    "he won't let me win at chess",
    "a puppy followed me home from the shop",
    "my mum knows where i live so she brings soup",
    "i woke up and the cat was on top of me",
    "i said no to a second slice and he laughed",
    "she says she will post the recipe",
    "he is kicking the ball at the garage door",
    "the dog is hitting his bowl, dinner time",
    "i won't be here next week, family holiday in wales",
    "tonight is the night, opening night of our show",
    "i don't want to wake up early on monday",
    "talk me out of buying these boots",
    "i already took them back to the shop",
    "this is goodbye, old laptop",
    "i abused the free trial",
    "reality slapped me with the gas bill",
]

EXAGGERATED = [
    "if this printer jams again i will kill myself",
    "every time he says synergy i want to die",
    "i'm going to kill myself if the sequel is bad",
    "whenever the bus is late i want to end it all",
]

CONDITION_THAT_COUNTS = [
    "if i have to go home i will kill myself",
    "if nobody helps me tonight i am going to kill myself",
    "if he leaves me i will kill myself",
    "i wonder if i should just kill myself",
]


def rules_that_stand(text: str) -> set[str]:
    lexicon = load_lexicon()
    hits = crisis_hits(in_plain_words(text, lexicon).text, lexicon)
    return {hit.rule for hit in hits if hit.score > STANDS}


def test_each_rule_hears_its_own_words() -> None:
    heard = [(rule, text) for rule, texts in HEARD.items() for text in texts]
    assert not [one for one in heard if one[0] not in rules_that_stand(one[1])]
    assert not [text for _, text in heard if detect(text).crisis < MARKS.concern]


def test_the_same_words_about_something_else_bring_no_one() -> None:
    assert not [text for text in LEFT_ALONE if detect(text).crisis >= MARKS.crisis]


def test_a_condition_counts_only_when_it_is_no_small_thing() -> None:
    assert not [text for text in EXAGGERATED if detect(text).crisis >= MARKS.crisis]
    assert not [text for text in CONDITION_THAT_COUNTS if detect(text).crisis < MARKS.crisis]


def test_a_denial_inside_a_broad_rule_is_believed() -> None:
    """The match begins at "i", before the denial, where the guard would not look."""
    texts = (
        "i am not suicidal",
        "i was never abused",
        "he is not violent",
        "my dad is not an abuser",
    )
    assert not [text for text in texts if detect(text).crisis >= MARKS.concern]
