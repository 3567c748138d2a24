"""From one message, and what was said before it, to signals."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from escalation.detect.calibration import load_calibration, sigmoid
from escalation.detect.classifiers import Head, build_inputs, load_heads
from escalation.detect.coverage import covered, less_sure
from escalation.detect.lexicon import SPANISH, Lexicon, load_lexicon
from escalation.detect.rules import crisis_hits, plain_answer, request_hits
from escalation.detect.sentences import Features, Sentence, Vector, read
from escalation.detect.spanish import in_spanish
from escalation.detect.wording import Plain, in_plain_words, join
from escalation.signals import Axis, Evidence, Signals

# How many of the mentee's earlier messages are read together with a new one.
REMEMBERED = 3

# Evidence is named for a score that could matter to a reader, and at most this many spans.
WORTH_SHOWING = 0.2
MOST_SPANS = 8


def detect(text: str, history: Sequence[str] = ()) -> Signals:
    """What this message shows. `history` holds the mentee's earlier messages, oldest first.

    Local, deterministic, and never raises on any text, however long or odd.
    """
    plain = in_plain_words(text, load_lexicon())
    if not any(char.isalnum() for char in plain.text):
        return Signals(version=_version())
    features = read(plain.text)
    inputs = build_inputs(features.whole, plain.text, load_lexicon().cues)
    now = _alone(text, plain, features, inputs)
    earlier = history[-REMEMBERED:]
    return _among(now, plain, inputs, earlier) if earlier and now.covered else now


def _version() -> str:
    english, spanish = load_lexicon().version, load_lexicon(SPANISH).version
    return f"rules-{english} heads-{load_heads().version} es-{spanish}"


def _among(now: Signals, plain: Plain, inputs: Vector, earlier: Sequence[str]) -> Signals:
    """The wishes as they stand in the conversation: a short answer is read with what it answers
    to, a need that is said again rises, one that was met falls. Crisis is not carried: it acted
    when it was said, and the handoff it opened stays open."""
    heads, lexicon = load_heads(), load_lexicon()
    words = join([*(in_plain_words(message, lexicon).text for message in earlier), plain.text])
    together = build_inputs(read(words).whole, words, lexicon.cues)
    connection = heads.connection_in_context.raw(
        heads.connection.raw(inputs), heads.connection.raw(together)
    )
    tools = heads.tools_in_context.raw(heads.tools.raw(inputs), heads.tools.raw(together))
    return replace(now, connection=sigmoid(connection), tools=sigmoid(tools))


def _alone(text: str, plain: Plain, features: Features, inputs: Vector) -> Signals:
    lexicon, heads = load_lexicon(), load_heads()
    hits = crisis_hits(plain.text, lexicon)
    requests = request_hits(plain.text, lexicon)

    crisis = load_calibration().crisis(heads.crisis.raw(inputs), hits)
    connection = sigmoid(heads.connection.raw(inputs))
    tools = sigmoid(heads.tools.raw(inputs))
    if not (known := covered(text)):
        connection, tools = less_sure(connection, Axis.CONNECTION), less_sure(tools, Axis.TOOLS)
        crisis = crisis if hits else less_sure(crisis, Axis.CRISIS)
    spanish = in_spanish(text)
    if spanish is not None and (score := spanish.score) is not None:
        # Of Spanish words the rules know more than a head that never saw any.
        crisis = max(crisis, score) if known or hits else score

    spans = [_quoted(Axis.PERSON, hit.rule, text, plain, hit.start, hit.end) for hit in requests]
    spans += [_quoted(Axis.CRISIS, hit.rule, text, plain, hit.start, hit.end) for hit in hits]
    if spanish is not None:
        seen = [(Axis.PERSON, hit) for hit in spanish.requests]
        seen += [(Axis.CRISIS, hit) for hit in spanish.crisis]
        spans += [
            _quoted(axis, hit.rule, text, spanish.plain, hit.start, hit.end) for axis, hit in seen
        ]
    for axis, score, head in (
        (Axis.CRISIS, crisis, heads.crisis),
        (Axis.CONNECTION, connection, heads.connection),
        (Axis.TOOLS, tools, heads.tools),
    ):
        if score >= WORTH_SHOWING and features.sentences:
            most = _most_telling(head, features, plain, lexicon)
            spans.append(_quoted(axis, f"{axis} head", text, plain, most.start, most.end))

    return Signals(
        crisis=crisis,
        connection=connection,
        tools=tools,
        asked_for_person=bool(requests or (spanish and spanish.requests)),
        says=plain_answer(plain.text, lexicon) or (spanish.says if spanish else None),
        covered=known,
        evidence=_first_of_each(spans),
        version=_version(),
    )


def _most_telling(head: Head, features: Features, plain: Plain, lexicon: Lexicon) -> Sentence:
    """The sentence that the head scores highest by itself."""

    def by_itself(sentence: Sentence) -> float:
        words = plain.text[sentence.start : sentence.end]
        return head.raw(build_inputs(sentence.vector, words, lexicon.cues))

    return max(features.sentences, key=by_itself)


def _quoted(axis: Axis, rule: str, text: str, plain: Plain, start: int, end: int) -> Evidence:
    """Evidence in the words as they were written, without the white space around them."""
    first, past = plain.folded.original_span(start, end)
    quote = text[first:past]
    first += len(quote) - len(quote.lstrip())
    quote = quote.strip()
    return Evidence(axis, first, first + len(quote), quote, rule)


def _first_of_each(spans: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(span for span in spans if span.quote))[:MOST_SPANS]
