"""From one message, and what was said before it, to signals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from escalation.detect.calibration import load_calibration, sigmoid
from escalation.detect.classifiers import Classifier, build_inputs, load_classifiers
from escalation.detect.coverage import covered, less_sure
from escalation.detect.dangers import name_danger
from escalation.detect.lexicon import SPANISH, load_lexicon
from escalation.detect.normalize import Normalized
from escalation.detect.rules import Found, find
from escalation.detect.sentences import Features, Sentence, Vector, read
from escalation.detect.spanish import in_spanish, spanish_crisis
from escalation.detect.wording import in_plain_words, join
from escalation.signals import Axis, Evidence, Signals

# How many of the mentee's earlier messages are read together with a new one.
REMEMBERED = 3

# A score below this is not worth explaining to a reader, who sees at most this many spans.
WORTH_SHOWING = 0.2
MOST_SPANS = 8


def detect(text: str, history: Sequence[str] = ()) -> Signals:
    """The signals in this message. `history`: the mentee's earlier messages, oldest first.

    Local and deterministic. Never raises, on any text, however long or odd.
    """
    plain = in_plain_words(text)
    if not any(char.isalnum() for char in plain.text):
        return Signals(version=_version())
    features = read(plain.text)
    inputs = build_inputs(features.whole, plain.text)
    now = _alone(text, plain, features, inputs)
    earlier = history[-REMEMBERED:]
    return _in_context(now, plain, inputs, earlier) if earlier and now.covered else now


def quote_rules(text: str) -> list[Evidence]:
    """What the rules alone find. Takes a small part of the time of `detect`. Never raises."""
    english, spanish = find(in_plain_words(text), load_lexicon()), in_spanish(text)
    return list(_from_rules(text, [english, spanish] if spanish else [english]))


def _version() -> str:
    english, spanish = load_lexicon().version, load_lexicon(SPANISH).version
    return f"rules-{english} heads-{load_classifiers().version} es-{spanish}"


def _in_context(now: Signals, plain: Normalized, inputs: Vector, earlier: Sequence[str]) -> Signals:
    """With the axes as they are in the conversation: a short answer is read with what it answers
    to, a need that is repeated rises, a need that was met falls. Crisis is not carried over: it
    acted when it was said, and the handoff that it opened stays open."""
    classifiers = load_classifiers()
    words = join([*(in_plain_words(message).text for message in earlier), plain.text])
    together = build_inputs(read(words).whole, words)
    connection = classifiers.connection_in_context.raw(
        classifiers.connection.raw(inputs), classifiers.connection.raw(together)
    )
    tools = classifiers.tools_in_context.raw(
        classifiers.tools.raw(inputs), classifiers.tools.raw(together)
    )
    return replace(now, connection=sigmoid(connection), tools=sigmoid(tools))


def _alone(text: str, plain: Normalized, features: Features, inputs: Vector) -> Signals:
    classifiers = load_classifiers()
    english, spanish = find(plain, load_lexicon()), in_spanish(text)

    crisis = load_calibration().crisis(classifiers.crisis.raw(inputs), english.crisis)
    connection = sigmoid(classifiers.connection.raw(inputs))
    tools = sigmoid(classifiers.tools.raw(inputs))
    if not (known := covered(text)):
        connection, tools = less_sure(connection, Axis.CONNECTION), less_sure(tools, Axis.TOOLS)
        crisis = crisis if english.crisis else less_sure(crisis, Axis.CRISIS)
    if spanish is not None and spanish.crisis:
        # Of Spanish words, the rules know more than a classifier that never saw any.
        score = spanish_crisis(spanish.crisis)
        crisis = max(crisis, score) if known or english.crisis else score

    found = [english, spanish] if spanish else [english]
    telling = [
        (axis, classifier)
        for axis, score, classifier in (
            (Axis.CRISIS, crisis, classifiers.crisis),
            (Axis.CONNECTION, connection, classifiers.connection),
            (Axis.TOOLS, tools, classifiers.tools),
        )
        if score >= WORTH_SHOWING
    ]
    declines = any(one.declines for one in found)
    evidence = [
        *_from_rules(text, found),
        *(_from_classifier(text, plain, features, *one) for one in telling if features.sentences),
    ]
    return Signals(
        crisis=crisis,
        connection=connection,
        tools=tools,
        asked_for_person=any(one.requests for one in found) and not declines,
        declines_person=declines,
        takes_back=any(one.takes_back for one in found),
        says=next((one.says for one in found if one.says), None),
        danger=name_danger(found),
        covered=known,
        evidence=tuple(dict.fromkeys(one for one in evidence if one.quote))[:MOST_SPANS],
        version=_version(),
    )


def _from_rules(text: str, found: Iterable[Found]) -> Iterator[Evidence]:
    for one in found:
        for axis, hits in ((Axis.PERSON, one.requests), (Axis.CRISIS, one.crisis)):
            for hit in hits:
                yield _quoted(axis, hit.rule, text, one.plain.original_span(hit.start, hit.end))


def _from_classifier(
    text: str, plain: Normalized, features: Features, axis: Axis, classifier: Classifier
) -> Evidence:
    """The sentence that the classifier scores highest by itself."""

    def by_itself(sentence: Sentence) -> float:
        words = plain.text[sentence.start : sentence.end]
        return classifier.raw(build_inputs(sentence.vector, words))

    most = max(features.sentences, key=by_itself)
    # "head" is what stored decisions call a classifier.
    return _quoted(axis, f"{axis} head", text, plain.original_span(most.start, most.end))


def _quoted(axis: Axis, rule: str, text: str, span: tuple[int, int]) -> Evidence:
    """Evidence in the words as they were written, without the white space around them."""
    first, past = span
    quote = text[first:past]
    first += len(quote) - len(quote.lstrip())
    quote = quote.strip()
    return Evidence(axis, first, first + len(quote), quote, rule)
